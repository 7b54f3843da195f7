"""The places at which a bar may be rewritten: on its beats, or at its half. Pure."""

from __future__ import annotations

from companion.music import TimeSignature
from companion.session.api.settings import RewriteDial


def beat_length(meter: TimeSignature) -> float:
    """Return the length of one beat, in quarter notes."""
    return 4 / meter.denominator


def places(meter: TimeSignature, dial: RewriteDial) -> tuple[float, ...]:
    """Return the places in quarter notes from the bar line, ascending.

    The half of an odd meter is the beat after its middle (beat 3 of 3/4, beat 4 of 5/4).
    """
    beat = beat_length(meter)
    if dial == "never" or meter.numerator < 2:
        return ()
    if dial == "half bar":
        return (-(-meter.numerator // 2) * beat,)
    return tuple(number * beat for number in range(1, meter.numerator))
