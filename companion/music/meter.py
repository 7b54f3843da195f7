"""Time signatures and the lengths of bars."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache


@dataclass(frozen=True, slots=True, order=True)
class TimeSignature:
    """A meter such as 6/8. Matching is exact: 6/8 is not 3/4."""

    numerator: int = 4
    denominator: int = 4

    @classmethod
    def parse(cls, text: str) -> TimeSignature:
        """Read "n/d"; raises ValueError for anything else."""
        try:
            numerator, denominator = (int(part) for part in text.split("/"))
        except ValueError:
            raise ValueError(f"not a time signature: {text!r} (expected something like 4/4)") from None
        if numerator < 1 or denominator < 1:
            raise ValueError(f"not a time signature: {text!r}")
        return cls(numerator, denominator)

    @property
    def beats(self) -> Fraction:
        """Length of one bar in quarter notes, exactly."""
        return _beats(self.numerator, self.denominator)

    def bar_ticks(self, resolution: int) -> int:
        """Length of one bar in ticks at `resolution` ticks a quarter, rounded down where it is not whole."""
        return 4 * self.numerator * resolution // self.denominator

    def __str__(self) -> str:
        return f"{self.numerator}/{self.denominator}"


@lru_cache(maxsize=1024)
def _beats(numerator: int, denominator: int) -> Fraction:
    return Fraction(4 * numerator, denominator)
