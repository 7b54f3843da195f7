"""Numbers and names as a musician reads them. Pure."""

from __future__ import annotations

from math import floor

from companion.session.snapshot import Snapshot, TransportView

_PITCH_CLASSES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
ROLE_WORDS = {"human": "you", "companion": "companion", "backing": "backing", "silent": "silent"}
WHOLE_BAR = 1e-9
MAX_PORT_NAMES = 22  # columns, so that what follows still fits into 80


def pitch_name(pitch: int) -> str:
    """60 → "C4"."""
    return f"{_PITCH_CLASSES[pitch % 12]}{pitch // 12 - 1}"


def milliseconds(seconds: float) -> str:
    """0.1834 → "183 ms"; 0 means not measured yet."""
    return f"{seconds * 1000:.0f} ms" if seconds > 0 else "– ms"


def percent(share: float) -> str:
    """0.985 → "98.5 %"; 1 → "100 %"; never rounds a miss up to 100."""
    if share >= 1.0 - WHOLE_BAR:
        return "100 %"
    return f"{min(share * 100, 99.9):.1f} %"


def bar_number(transport: TransportView, bar: int, loop: tuple[int, int] | None = None) -> int:
    """What a player calls the session's bar `bar`: counted from 1 since the start, or in the song; loops go round."""
    song = bar - transport.bar + transport.song_bar
    if loop is not None and loop[0] <= transport.song_bar < loop[1]:
        song = loop[0] + (song - loop[0]) % (loop[1] - loop[0])
    return song + 1 if song >= 0 else song


def bar_and_beat(transport: TransportView) -> str:
    """Position as players count it, from 1: "13.2"; "-1.3" while counting in. Beats are those of the meter's denominator."""
    bar = bar_number(transport, transport.bar)
    count_in = _bars_to_go(transport)
    return f"{-count_in if count_in else bar}.{beat_in_bar(transport) + 1}"


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
