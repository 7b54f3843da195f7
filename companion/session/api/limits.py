"""The allowed values: one bound for each number and one list for each choice.

Commands, presets, the command line and the screen all use these.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, get_args

from companion.session.api.settings import ClockSource, Curve, RewriteDial, Role


@dataclass(frozen=True, slots=True)
class Limit:
    """A number from `low` to `high`, both included. whole: only integers."""

    low: float
    high: float
    whole: bool = False

    def fault(self, value: Any) -> str:
        """Return what is wrong with a value, as text that follows its name ("must be …"), "" if it is allowed. Booleans are not numbers."""
        kinds = int if self.whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds) or not math.isfinite(value):
            return f"must be {'a whole number' if self.whole else 'a number'}"
        if not self.low <= value <= self.high:
            return f"must be from {self.low:g} to {self.high:g}"
        return ""

    def __str__(self) -> str:
        """ "a whole number from 0 to 64"."""
        return f"{'a whole number' if self.whole else 'a number'} from {self.low:g} to {self.high:g}"

    @property
    def range(self) -> tuple[float, float]:
        """(low, high)."""
        return self.low, self.high

    def clamp(self, value: float) -> float:
        """Return the nearest allowed value."""
        return min(self.high, max(self.low, value))


def whole(low: int, high: int) -> Limit:
    """Return the limit for integers from low to high."""
    return Limit(low, high, True)


BPM = Limit(10.0, 400.0)
TEMPO_FACTOR = Limit(0.1, 4.0)  # share of the written tempo
TRANSPOSE_SEMITONES = whole(-24, 24)
KEY_STEP_SEMITONES = whole(-12, 12)
COUNT_IN_BARS = whole(0, 16)
WAIT_BARS = whole(0, 64)
TRADE_BARS = whole(0, 64)  # 0: no trading
METER_NUMERATOR = whole(1, 64)
METER_DENOMINATOR = whole(1, 64)
KEY = whole(0, 127)
VELOCITY = whole(1, 127)
CHANNEL = whole(0, 15)
ZONE_TRANSPOSE = whole(-48, 48)  # semitones
CHORD_THRESHOLD = Limit(0.0, 1.0)  # confidence
LATENCY_SECONDS = Limit(-0.5, 0.5)
LEAD_FLOOR_SECONDS = Limit(0.0, 2.0)
LEAD_MARGIN = Limit(1.0, 10.0)
SHARE = Limit(0.0, 1.0)
SIGNED_SHARE = Limit(-1.0, 1.0)

TEMPERATURE = Limit(0.05, 5.0)
TOP_P = Limit(0.01, 1.0)
TOP_K = whole(0, 10_000)
MASK_P = Limit(0.0, 0.99)
MASK_K = whole(0, 10_000)
POLYPHONY_LIMIT = whole(0, 128)
DENSITY_LIMIT = whole(0, 1000)
HARMONY = Limit(0.0, 3.0)
VARIETY = Limit(0.0, 3.0)
MODEL_DIM = whole(0, 64)  # 0: the largest window that is in time
TAKES = whole(1, 16)
SEED = whole(-1, 2**63 - 1)  # -1: a new seed every time

HUMAN = whole(0, 2)  # how human a part plays, see `Sampling`
PROGRAM = whole(0, 127)
MIX = whole(0, 127)  # a part's volume, or its pan with 64 in the middle
LEVEL = whole(0, 127)  # of an attribute
SONG_TRACK = whole(0, 1000)
TRACK = whole(0, 9999)  # a lane's number; the session knows which lanes exist
BREAK_BEATS = whole(1, 64)
ENDING_BARS = whole(1, 2)
INTRO_BARS = whole(0, 8)
BUILD_BARS = whole(1, 32)
INTENSITY = whole(0, 100)
BAR = whole(0, 1_000_000)  # a session bar or a song bar
MAX_LANES = 32
DIAL_VALUE = Limit(-1.0, 400.0)  # of any dial; each has limits of its own
# The highest level of each attribute of the model, as in `companion.tokenizer.token_types`.
ATTRIBUTE_TOPS = {
    "note_density": 9,
    "min_polyphony": 9,
    "max_polyphony": 9,
    "min_note_duration": 5,
    "max_note_duration": 5,
    "key_signature": 24,
    "pitch_range": 127,
    "silence_proportion": 9,
    "nomml": 12,
    "bar_note_density": 9,
    "bar_min_polyphony": 9,
    "bar_max_polyphony": 9,
    "pitch_class_set": 12,
}
# Attributes that are two ends of one range: the lower end, the upper end.
DRUM_DENSITY_EDGES = (2, 3, 5, 8, 10, 12, 15, 18, 26)  # most notes a bar at each level of note density but the last
ATTRIBUTE_RANGES = (
    ("min_polyphony", "max_polyphony"),
    ("min_note_duration", "max_note_duration"),
    ("bar_min_polyphony", "bar_max_polyphony"),
)
ENTRY = whole(0, 999)  # of a set list
MAX_SNAPSHOTS = 128

ROLES: tuple[str, ...] = get_args(Role)
CLOCK_SOURCES: tuple[str, ...] = get_args(ClockSource)
CURVES: tuple[str, ...] = get_args(Curve)
REWRITE_DIALS: tuple[str, ...] = get_args(RewriteDial)
ENGINES = ("auto", "reference", "native", "onnx", "cuda")
MASK_MODES = ("auto", "token", "attention", "attention_approx", "attention_skip", "remove")
