"""Says in a few words what a key did, or why it did nothing. Every key gets an answer. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from companion.session.api.commands import Command
from companion.session.api.snapshot import Snapshot
from companion.tui.controls.commands import MASTERS_OWN, SONGS_OWN, bar_state, selected_lane, target_bar
from companion.tui.lanes.draw import Selection
from companion.tui.wording import bar_label

NO_SONG = "that is for practising: start with companion practice SONG.mid or CHART.txt"
NOT_MASTER = "the MIDI clock decides; x makes us the clock"
_STATE_WORDS = {
    "played": "has been played",
    "committed": "is decided already",
    "tentative": "may still change",
    "empty": "has no plan yet",
}


def echo(name: str, snapshot: Snapshot, selection: Selection, wishes: Sequence[Command]) -> str:
    """The answer to a key. wishes: the commands of the key `name`. Returns "" where the screen shows the effect anyway."""
    if not wishes:
        return _why_not(name, snapshot, selection)
    say = _SAYINGS.get(name)
    return say(wishes[-1], snapshot, selection) if say else ""


def _why_not(name: str, snapshot: Snapshot, selection: Selection) -> str:
    if name in SONGS_OWN and snapshot.practice is None:
        return NO_SONG
    if name in MASTERS_OWN:
        return NOT_MASTER
    if name.startswith("call_"):
        return "nothing plays yet"
    if name in ("regenerate", "another_take") and snapshot.transport.state not in ("running", "lost"):
        return "nothing plays yet"
    if name in ("regenerate", "lock"):
        bar = target_bar(snapshot, selection)
        return f"bar {bar_label(snapshot, bar)} {_STATE_WORDS[bar_state(snapshot, bar)]}"
    lane = selected_lane(snapshot, selection)
    if lane is None:
        return "there is no part to choose"
    if name == "remove":
        return f"{lane.name} is no part of ours: only those can be removed"
    if name in ("mine", "fill", "backing"):
        return f"{lane.name} is {'your own lane' if lane.role == 'human' else 'that already'}"
    return "nothing to do"


def _on(word: str, off: str = "") -> Callable[[Any, Snapshot, Selection], str]:
    return lambda wish, snapshot, selection: (
        f"{word} on" if wish.on and not off else word if wish.on else off or f"{word} off"
    )


def _lane_on(on: str, off: str) -> Callable[[Any, Snapshot, Selection], str]:
    def say(wish: Any, snapshot: Snapshot, selection: Selection) -> str:
        lane = selected_lane(snapshot, selection)
        return f"{lane.name if lane else ''} {on if wish.on else off}"

    return say


def _plain(text: str) -> Callable[[Any, Snapshot, Selection], str]:
    return lambda wish, snapshot, selection: text


def _switched(kind: str, on: str, off: str) -> Callable[[Any, Snapshot, Selection], str]:
    """A call that goes on until it is called again. It changes with the next bar."""
    return lambda wish, snapshot, selection: (
        f"{off if any(call.kind == kind and call.last_bar is None for call in snapshot.calls) else on} from the next bar on"
    )


def _value(text: str, argument: str) -> Callable[[Any, Snapshot, Selection], str]:
    return lambda wish, snapshot, selection: text.format(getattr(wish, argument))


def _role(words: str) -> Callable[[Any, Snapshot, Selection], str]:
    def say(wish: Any, snapshot: Snapshot, selection: Selection) -> str:
        lane = selected_lane(snapshot, selection)
        return f"{lane.name if lane else ''} {words}"

    return say


def _keep(wish: Any, snapshot: Snapshot, selection: Selection) -> str:
    if snapshot.practice is not None:
        return ""  # the session reports it
    if snapshot.kept_bar is not None and wish.bar is None:
        return "writing new bars again"
    bar = snapshot.transport.bar if wish.bar is None else wish.bar
    return f"bar {bar_label(snapshot, bar)} repeats until k"


def _lock(wish: Any, snapshot: Snapshot, selection: Selection) -> str:
    return f"bar {bar_label(snapshot, wish.bar)} {'locked' if wish.on else 'unlocked'}"


def _regenerate(wish: Any, snapshot: Snapshot, selection: Selection) -> str:
    bar = wish.bar
    return f"{'the next bar' if bar is None else f'bar {bar_label(snapshot, bar)}'} is written anew"


def _another_take(wish: Any, snapshot: Snapshot, selection: Selection) -> str:
    lane = next((lane for lane in snapshot.lanes if lane.index == wish.track), None)
    who = f"{lane.name}: " if lane else ""
    if snapshot.kept_bar is not None:
        return f"{who}another take from the next repetition on"
    return f"{who}another take of {'the next bar' if wish.bar is None else f'bar {bar_label(snapshot, wish.bar)}'}"


def _wait(wish: Any, snapshot: Snapshot, selection: Selection) -> str:
    bars = wish.bars
    return f"the companion waits {bars} bar{'s' * (bars != 1)}" if bars else "the companion comes in at once"


_SAYINGS: dict[str, Callable[[Any, Snapshot, Selection], str]] = {
    "panic": _plain("silenced: note-offs on every channel used"),
    "call_fill": _plain("fill in the next bar: backspace takes it back"),
    "call_fill_now": _plain("fill now"),
    "call_break": _plain("break from the next beat to a one"),
    "call_ending": _plain("ending: two more bars; backspace takes it back"),
    "call_build": _plain("building up over four bars"),
    "call_drop": _plain("drop"),
    "call_drums_only": _switched("drums only", "everyone is out but the drums", "everyone is back"),
    "call_solo": _switched("solo for me", "your solo: the band thins out", "the band is back in full"),
    "call_half_time": _switched("half time", "half time", "time as before"),
    "call_double_time": _switched("double time", "double time", "time as before"),
    "intensity_down": _value("intensity {}", "value"),
    "intensity_up": _value("intensity {}", "value"),
    "tap": _plain("tap … keep tapping in time"),
    "faster": _value("tempo {:g} BPM", "bpm"),
    "slower": _value("tempo {:g} BPM", "bpm"),
    "click": _on("click"),
    "rewind": _plain("back to bar 1"),
    "record": _on("take begun: r ends it", "take ended: kept when you quit"),
    "thru": _on("thru"),
    "mute": _lane_on("muted", "is heard again"),
    "solo": _lane_on("alone", "no longer alone"),
    "remove": _role("removed"),
    "regenerate": _regenerate,
    "another_take": _another_take,
    "keep": _keep,
    "lock": _lock,
    "rewrite": _value("rewriting within the bar: {}", "dial"),
    "wait": _wait,
    "cooler": _value("temperature {:.2f}", "temperature"),
    "hotter": _value("temperature {:.2f}", "temperature"),
    "narrower": _value("top-p {:.2f}", "top_p"),
    "wider": _value("top-p {:.2f}", "top_p"),
    "song_slower": lambda wish, snapshot, selection: f"tempo {wish.factor:.0%} of the written one",
    "song_faster": lambda wish, snapshot, selection: f"tempo {wish.factor:.0%} of the written one",
    "key_down": _value("transposed by {:+d}", "semitones"),
    "key_up": _value("transposed by {:+d}", "semitones"),
    "next_section": _plain("on to the next section"),
    "mine": _role("is yours: silent, and compared with what you play"),
    "fill": _role("is the companion's"),
    "backing": _role("plays as written"),
}
