"""From a knob's place to a dial's value: range, curve and hysteresis. Pure.

The curves run from 0 to 1 and rise all the way, so that a knob that passes a value passes it once:

    linear        x
    exponential   (32^x − 1) / 31: half-way up the knob, about a sixth of the range; for fine control near the lower end
    s             3x² − 2x³: fine at both ends, fast in the middle
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from companion.session.api.dials import Dial
from companion.session.api.settings import Knob

EXPONENTIAL_BASE = 32.0
HYSTERESIS = 0.25  # of a level: how far past the middle between two levels a knob must go
CURVES: Mapping[str, Callable[[float], float]] = {
    "linear": lambda x: x,
    "exponential": lambda x: (EXPONENTIAL_BASE**x - 1) / (EXPONENTIAL_BASE - 1),
    "s": lambda x: x * x * (3 - 2 * x),
}


def value_at(knob: Knob, place: float) -> float:
    """The dial's value, not yet rounded, where the knob is at a place from 0 to 1."""
    return knob.low + (knob.high - knob.low) * CURVES[knob.curve](min(1.0, max(0.0, place)))


def settled(dial: Dial, value: float, present: float | None) -> float:
    """The value as the dial takes it: rounded, and, if the dial has few levels, not back and forth between two of them."""
    if dial.stepped and present is not None and abs(value - present) <= 0.5 + HYSTERESIS:
        value = present
    value = dial.limit.clamp(round(value, dial.digits))
    return int(value) if dial.limit.whole else value
