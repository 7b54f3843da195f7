"""The table of all keys of the main screen. Bindings, the hint line and the help screen are made from it."""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding

VIEWS = ("roll", "practice", "stage")
ROLL, PRACTICE, STAGE = VIEWS
_ROLL, _PRACTICE = ROLL, PRACTICE  # in the table
_CALLS = "calls"  # on the row of calls instead of the hint line


@dataclass(frozen=True, slots=True)
class Key:
    """One action: `keys` as Textual names them (comma separated), what it is called, and a short word for the hint line.

    hints: the views in which the hint is shown. urgent: the key also works while a picker is open.
    """

    keys: str
    action: str
    help: str
    group: str
    hint: str = ""
    hints: tuple[str, ...] = VIEWS
    urgent: bool = False

    @property
    def shown(self) -> str:
        """The keys as printed on a keyboard: "! or p"."""
        return " or ".join(_PRINTED.get(key, key) for key in self.keys.split(","))

    def binding(self) -> Binding:
        """The Textual binding."""
        return Binding(
            self.keys, self.action, self.help, show=bool(self.hint), key_display=self.shown, priority=self.urgent
        )


_PRINTED = {
    "exclamation_mark": "!",
    "question_mark": "?",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "left_curly_bracket": "{",
    "right_curly_bracket": "}",
    "left_parenthesis": "(",
    "right_parenthesis": ")",
    "plus": "+",
    "equals_sign": "=",
    "minus": "-",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "comma": ",",
    "colon": ":",
    "full_stop": ".",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "escape": "esc",
    "pagedown": "PgDn",
    "pageup": "PgUp",
    **{f"f{number}": f"F{number}" for number in range(1, 13)},
}


# (keys, action, help, hint, view of the hint); a plain name is a command to the performance, a name in brackets is an action of the screen.
_TABLE: dict[str, tuple[tuple[str, ...], ...]] = {
    "Transport": (
        ("space", "toggle", "start or stop; without a MIDI clock: start by the internal clock", "start"),
        ("p", "panic", "panic: silence everything now", "panic", _ROLL),
        ("exclamation_mark", "panic", "panic, also while a menu is open or text is typed"),
        ("t", "tap", "tap the tempo", "tap", _ROLL),
        ("plus,equals_sign", "faster", "tempo up by 1 BPM"),
        ("minus", "slower", "tempo down by 1 BPM"),
        ("x", "[pick_clock]", "whose time: MIDI clock, our own, Ableton Link, JACK transport"),
        ("c", "click", "metronome click on or off"),
        ("T", "[pick_meter]", "choose the time signature"),
        ("home", "rewind", "back to bar 1"),
        ("r", "record", "begin or end a take, kept as a file of its own beside the whole performance", "take", _ROLL),
        (
            "K",
            "[open_keyboard]",
            "play on the computer's keyboard: two rows of a piano and a row of drums",
            "type",
            _ROLL,
        ),
        ("h", "thru", "thru: pass what you play on to the output"),
    ),
    "Bars": (
        ("left", "[move_bar(-1)]", "choose an earlier bar"),
        ("right", "[move_bar(1)]", "choose a later bar"),
        ("escape", "[dismiss_choice]", "back to “the next bar”; stop learning a control"),
        ("g", "regenerate", "regenerate the chosen bar (else the next one)", "new bar", _ROLL),
        (
            "v",
            "another_take",
            "another take of the chosen bar (else the next, or the one that repeats) for the chosen part",
        ),
        ("k", "keep", "keep: repeat this bar of our parts until pressed again; practising: keep the fills", "keep"),
        ("l", "lock", "lock or unlock the chosen bar"),
        ("u", "undo", "undo the last change of the plan or of a dial"),
        ("U", "redo", "redo what was undone last"),
        ("C", "[edit_chords]", "chords: type a progression; with a bar chosen, that bar's chords", "chords", _ROLL),
        ("R", "rewrite", "rewrite the bar that sounds when you contradict it: never, by half bars, by beats"),
        ("w", "wait", "bars of yours to wait for before joining in: 0, 1, 2, 4, 8"),
    ),
    "Parts": (
        ("up", "[move_lane(-1)]", "choose the part above"),
        ("down", "[move_lane(1)]", "choose the part below"),
        ("m", "mute", "mute the chosen part", "mute"),
        ("s", "solo", "solo the chosen part"),
        ("i", "[pick_instrument]", "choose the instrument of the chosen part"),
        (
            "a",
            "[edit_attributes]",
            "dials: intensity, dynamics, temperature, harmony, the part's density, voices; n there: learn a knob",
            "dials",
        ),
        ("V", "[open_mixer]", "mixer: volume and pan of each part"),
        ("Z", "[open_zones]", "zones: split the keyboard by keys, channel or velocity"),
        ("N", "[add_part]", "add a part of ours"),
        ("D", "remove", "remove the chosen part of ours"),
    ),
    "Calls": (
        ("f2", "call_fill", "fill: the drums fill the next bar and land on the one after it", "fill", _CALLS),
        ("f3", "call_fill_now", "fill now: the rest of this bar"),
        ("f4", "call_break", "break: the band stops on the next beat, and is back on a one", "break", _CALLS),
        ("f5", "call_ending", "ending: a cadence, a last chord, and the end", "ending", _CALLS),
        ("f6", "call_build", "build: everything rises within four bars", "build", _CALLS),
        ("f7", "call_drop", "drop: intensity falls to low", "drop", _CALLS),
        ("f8", "call_drums_only", "everyone out but the drums, and back", "drums only", _CALLS),
        ("f9", "call_solo", "my solo: the band thins out and plays softer, and back", "solo for me", _CALLS),
        ("f10", "call_half_time", "half time: the drums, and back", "half time", _CALLS),
        ("f12", "call_double_time", "double time: the drums, and back", "double time", _CALLS),
        ("I", "intro", "intro: two bars of rhythm before the first bar of the next start, or none"),
        ("backspace", "call_cancel", "take back the last call that has not begun"),
        ("B", "[calls]", "all calls in a list, for terminals without function keys"),
        ("less_than_sign", "intensity_down", "intensity down by 10"),
        ("greater_than_sign", "intensity_up", "intensity up by 10"),
    ),
    "Sampling and model": (
        ("left_square_bracket", "cooler", "temperature down"),
        ("right_square_bracket", "hotter", "temperature up"),
        ("left_curly_bracket", "narrower", "top-p down"),
        ("right_curly_bracket", "wider", "top-p up"),
        ("M", "[pick_model]", "checkpoint, window (model_dim) and mask mode", "model", _ROLL),
    ),
    "Practice": (
        ("tab", "[switch_view]", "piano roll or practice view", "view"),
        ("enter", "[switch_stage]", "stage view: place, chords and calls in large letters, and back", "stage"),
        ("L", "loop", "loop the section we are in; again: no loop", "loop", _PRACTICE),
        ("n", "next_section", "go on to the next section", "section", _PRACTICE),
        ("comma", "song_slower", "practice tempo down by 5 %", "slower", _PRACTICE),
        ("full_stop", "song_faster", "practice tempo up by 5 %", "faster", _PRACTICE),
        ("left_parenthesis", "key_down", "transpose down a semitone"),
        ("right_parenthesis", "key_up", "transpose up a semitone"),
        ("y", "mine", "the chosen part is mine: muted, and I am listened to"),
        ("f", "fill", "the chosen part is filled by the companion"),
        ("b", "backing", "the chosen part plays as written"),
        ("d", "trade", "trade bars with the solo part: 0, 2, 4, 8"),
        ("z", "answer", "answer when I pause: on or off"),
    ),
    "Set-up": (
        ("o", "[pick_ports]", "choose MIDI ports", "ports", _ROLL),
        ("P", "[pick_preset]", "load a preset: from the next bar line on"),
        ("j", "[pick_snapshot]", "recall a snapshot from the next bar line on; 1 to 9 recall those of that name"),
        ("J", "[store_snapshot]", "store everything that is set as a snapshot, under a name or a number"),
        ("pagedown", "next_entry", "the next entry of the set list"),
        ("pageup", "previous_entry", "the entry of the set list before this one"),
        ("S", "[save_preset]", "save everything on screen as a preset, with the snapshots"),
        ("F", "[learn]", "teach a foot switch, pad or key an action, or a knob a dial"),
        ("colon", "[find]", "find any action by its name, and do it", "find"),
        ("ctrl+p", "[find]", "the same, where : is hard to type"),
        ("question_mark", "[help]", "this help", "help"),
        ("q", "[ask_quit]", "quit", "quit"),
        ("ctrl+c,ctrl+q", "[quit_now]", "quit without asking"),
    ),
}
PANIC_KEYS = ("exclamation_mark",)  # on every screen, even where text is typed
_URGENT = (*PANIC_KEYS, "ctrl+c,ctrl+q")
GROUPS = tuple(_TABLE)


def _key(group: str, keys: str, action: str, help: str, hint: str = "", view: str = "") -> Key:
    screens_own = action.startswith("[")
    called = action.strip("[]") if screens_own else f"wish('{action}')"
    return Key(keys, called, help, group, hint, (view,) if view else VIEWS, keys in _URGENT)


KEYS: tuple[Key, ...] = tuple(_key(group, *row) for group, rows in _TABLE.items() for row in rows)

LEARNABLE: tuple[tuple[str, str], ...] = (
    ("toggle", "start or stop"),
    ("tap", "tap the tempo"),
    ("regenerate", "regenerate the next bar"),
    ("another_take", "another take of the next bar, or of the one that repeats"),
    ("keep", "keep this bar"),
    ("loop_here", "loop here"),
    ("next_section", "next section"),
    ("record", "record"),
    ("undo", "undo"),
    ("redo", "redo"),
    ("panic", "panic"),
    ("fill", "fill: the drums fill the next bar"),
    ("fill:now", "fill now: the rest of this bar"),
    ("break", "break: the band stops, and is back on a one"),
    ("ending", "ending: a last chord, then the end"),
    ("intro", "intro: two bars before the next start, or none"),
    ("build", "build up within four bars"),
    ("drop", "drop to low intensity"),
    ("drums_only", "everyone out but the drums, and back"),
    ("solo_for_me", "my solo: thin out, and back"),
    ("half_time", "half time, and back"),
    ("double_time", "double time, and back"),
    ("cancel_call", "take the last call back"),
    ("next_entry", "next entry of the set list"),
    ("previous_entry", "previous entry of the set list"),
)
