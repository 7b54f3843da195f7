"""Reads numbers as users write them on a command line: bars and tracks counted from 1."""

from __future__ import annotations

from companion.errors import UsageError


def parse_bars(text: str) -> list[int]:
    """Read "5-8" or "3,7-8", counted from 1, as bars counted from 0. Raises UsageError."""
    bars: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        try:
            low, high = int(first), int(last) if dash else int(first)
        except ValueError:
            raise UsageError(f"not a list of bars: {text!r} (expected something like 5-8 or 3,7-8)") from None
        if not 1 <= low <= high <= 1_000_000:
            raise UsageError(f"bars count from 1 and go upwards: {text!r}")
        bars += range(low - 1, high)
    return sorted(set(bars))


def parse_track(text: str, count: int) -> int:
    """Read a track number counted from 1 as one counted from 0. Raises UsageError if it is beyond the `count` tracks."""
    try:
        track = int(text)
    except ValueError:
        raise UsageError(f"not a track number: {text!r} (tracks count from 1)") from None
    if not 1 <= track <= count:
        raise UsageError(f"track {track} does not exist: the file has tracks 1 to {count}")
    return track - 1
