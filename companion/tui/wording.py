"""Numbers and names as a musician reads them. Pure."""

from __future__ import annotations

from math import floor

from companion.session.api.dials import DIALS
from companion.session.api.engine_names import host_of
from companion.session.api.snapshot import Snapshot, TransportView
from companion.tui.keys import LEARNABLE

ROLE_WORDS = {"human": "you", "companion": "companion", "backing": "backing", "silent": "silent"}
WHOLE_BAR = 1e-9
MAX_PORT_NAMES = 22  # columns, so that what follows still fits into 80
ACTION_WORDS = dict(LEARNABLE)
OF_PARTS = ("mute", "solo")


def milliseconds(seconds: float) -> str:
    """0.1834 → "183 ms"; 0 means not measured yet."""
    return f"{seconds * 1000:.0f} ms" if seconds > 0 else "– ms"


def percent(share: float) -> str:
    """0.985 → "98.5 %"; 1 → "100 %"; never rounds a miss up to 100."""
    if share >= 1.0 - WHOLE_BAR:
        return "100 %"
    return f"{min(share * 100, 99.9):.1f} %"


def stood_in_for(snapshot: Snapshot) -> str:
    """The host whose engine was wanted while a size on this machine writes; "" if the wanted engine writes or nothing is loaded."""
    info = snapshot.checkpoint
    return host_of(snapshot.model.engine) if info is not None and not info.place else ""


def bar_label(snapshot: Snapshot, bar: int) -> str:
    """What a player calls the session's bar `bar`: its number in the song, or since the start, from 1."""
    known = next((place.song_bar for place in snapshot.bars if place.bar == bar), None)
    if known is None:
        known = bar - snapshot.transport.bar + snapshot.transport.song_bar
    return str(known + 1 if known >= 0 else known)


def bar_and_beat(transport: TransportView) -> str:
    """Position as players count it, from 1: "13.2"; "-1.3" while counting in. Beats are those of the meter's denominator."""
    count_in = _bars_to_go(transport)
    song_bar = transport.song_bar
    return f"{-count_in if count_in else song_bar + 1 if song_bar >= 0 else song_bar}.{beat_in_bar(transport) + 1}"


def beat_in_bar(transport: TransportView) -> int:
    """The beat we are in, from 0, in units of the meter's denominator."""
    meter = transport.time_signature
    quarters = transport.beat + _bars_to_go(transport) * float(meter.beats)
    return max(0, min(int(quarters * meter.denominator / 4 + 1e-6), meter.numerator - 1))


def _bars_to_go(transport: TransportView) -> int:
    """Count-in bars that are left, the running one included: the beat is negative before the first bar."""
    return -floor(transport.beat / float(transport.time_signature.beats) + 1e-9) if transport.beat < 0 else 0


def input_names(snapshot: Snapshot) -> str:
    """The input ports by name, or a word for any."""
    names = [port_label(name) for name in snapshot.ports if name.startswith("in:")]
    text = ", ".join(names) or "any input"
    return text if len(text) <= MAX_PORT_NAMES else text[: MAX_PORT_NAMES - 1] + "…"


def port_label(key: str) -> str:
    """A snapshot's port key without its direction."""
    return key.partition(":")[2] if key.startswith(("in:", "out:")) else key


def action_words(action: str) -> str:
    """A learnt action: "toggle" → "start or stop"; "mute:2" → "mute part 3"; "recall:verse" → "recall verse"."""
    name, _, arguments = action.partition(":")
    if name == "dial":
        dial, _, track = arguments.partition(":")
        return DIALS[dial].title + (f" of part {int(track) + 1}" if track else "")
    if action in ACTION_WORDS or not arguments:
        return ACTION_WORDS.get(action, action.replace("_", " "))
    words = ACTION_WORDS.get(name, name.replace("_", " "))
    if name in OF_PARTS and arguments.isdigit():
        return f"{words} part {int(arguments) + 1}"
    return f"{words} {arguments}"
