"""Every key of the main screen, once: bindings, the hint line and the help screen are all made from this table."""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding

GROUPS = ("Transport", "Bars", "Parts", "Sampling and model", "Practice", "Set-up")


@dataclass(frozen=True, slots=True)
class Key:
    """One action: `keys` as Textual names them (comma separated), what it is called, and a short word for the hint line.

    urgent keys work while a picker is open, too.
    """

    keys: str
    action: str
    help: str
    group: str
    hint: str = ""
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
    "comma": ",",
    "full_stop": ".",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "escape": "esc",
}


def _wish(keys: str, name: str, help: str, group: str, hint: str = "", urgent: bool = False) -> Key:
    return Key(keys, f"wish('{name}')", help, group, hint, urgent)


KEYS: tuple[Key, ...] = (
    _wish("space", "toggle", "start or stop; without a MIDI clock: start by the internal clock", "Transport", "start"),
    _wish("p", "panic", "panic: silence everything now", "Transport", "panic"),
    _wish("exclamation_mark", "panic", "panic, also while a menu is open", "Transport", urgent=True),
    _wish("t", "tap", "tap the tempo", "Transport", "tap"),
    _wish("plus,equals_sign", "faster", "tempo up by 1 BPM", "Transport"),
    _wish("minus", "slower", "tempo down by 1 BPM", "Transport"),
    _wish("x", "clock_source", "follow the MIDI clock, or be the clock", "Transport"),
    _wish("c", "click", "metronome click on or off", "Transport"),
    Key("T", "pick_meter", "choose the time signature", "Transport"),
    _wish("home", "rewind", "back to bar 1", "Transport"),
    _wish("r", "record", "record on or off", "Transport", "rec"),
    _wish("h", "thru", "thru: pass what you play on to the output", "Transport"),
    Key("left", "move_bar(-1)", "choose an earlier bar", "Bars"),
    Key("right", "move_bar(1)", "choose a later bar", "Bars"),
    Key("escape", "dismiss_choice", "back to “the next bar”; stop learning a foot switch", "Bars"),
    _wish("g", "regenerate", "regenerate the chosen bar (else the next one)", "Bars", "new bar"),
    _wish("k", "keep", "keep: repeat this bar of our parts, until pressed again", "Bars", "keep"),
    _wish("l", "lock", "lock or unlock the chosen bar", "Bars"),
    _wish("u", "undo", "undo the last change of the plan", "Bars"),
    _wish("w", "wait", "bars of yours to wait for before joining in: 0, 1, 2, 4, 8", "Bars"),
    Key("up", "move_lane(-1)", "choose the part above", "Parts"),
    Key("down", "move_lane(1)", "choose the part below", "Parts"),
    _wish("m", "mute", "mute the chosen part", "Parts", "mute"),
    _wish("s", "solo", "solo the chosen part", "Parts"),
    Key("i", "pick_instrument", "choose the instrument of the chosen part", "Parts"),
    Key("a", "edit_attributes", "attributes of the chosen part: density, polyphony, durations", "Parts", "attributes"),
    Key("N", "add_part", "add a part of ours", "Parts"),
    _wish("D", "remove", "remove the chosen part of ours", "Parts"),
    _wish("left_square_bracket", "cooler", "temperature down", "Sampling and model"),
    _wish("right_square_bracket", "hotter", "temperature up", "Sampling and model"),
    _wish("left_curly_bracket", "narrower", "top-p down", "Sampling and model"),
    _wish("right_curly_bracket", "wider", "top-p up", "Sampling and model"),
    Key("M", "pick_model", "checkpoint, window (model_dim) and mask mode", "Sampling and model", "model"),
    Key("tab", "switch_view", "piano roll or practice view", "Practice", "view"),
    _wish("L", "loop", "loop the section we are in; again: no loop", "Practice"),
    _wish("n", "next_section", "go on to the next section", "Practice"),
    _wish("comma", "song_slower", "practice tempo down by 5 %", "Practice"),
    _wish("full_stop", "song_faster", "practice tempo up by 5 %", "Practice"),
    _wish("left_parenthesis", "key_down", "transpose down a semitone", "Practice"),
    _wish("right_parenthesis", "key_up", "transpose up a semitone", "Practice"),
    _wish("y", "mine", "the chosen part is mine: muted, and I am listened to", "Practice"),
    _wish("f", "fill", "the chosen part is filled by the companion", "Practice"),
    _wish("b", "backing", "the chosen part plays as written", "Practice"),
    _wish("d", "trade", "trade bars with the solo part: 0, 2, 4, 8", "Practice"),
    _wish("z", "answer", "answer when I pause: on or off", "Practice"),
    Key("o", "pick_ports", "choose MIDI ports", "Set-up", "ports"),
    Key("P", "pick_preset", "load a preset", "Set-up"),
    Key("S", "save_preset", "save everything on screen as a preset", "Set-up"),
    Key("F", "learn", "teach a foot switch, pad or key an action", "Set-up"),
    Key("question_mark", "help", "this help", "Set-up", "help"),
    Key("q", "ask_quit", "quit", "Set-up", "quit"),
    Key("ctrl+c,ctrl+q", "quit_now", "quit without asking", "Set-up", urgent=True),
)

LEARNABLE: tuple[tuple[str, str], ...] = (
    ("toggle", "start or stop"),
    ("tap", "tap the tempo"),
    ("regenerate", "regenerate the next bar"),
    ("keep", "keep this bar"),
    ("loop_here", "loop here"),
    ("next_section", "next section"),
    ("record", "record"),
    ("undo", "undo"),
    ("panic", "panic"),
)
