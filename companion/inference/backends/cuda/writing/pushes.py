"""What the host knows about the steering of each bar, as numbers for the device: dials, tables by tick, pitch and duration.

Nothing here changes while a bar is written. `cuda.steering` and the fused sampler read these numbers and the bar's state.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from math import exp
from typing import Any

import numpy.typing as npt

from companion.inference.backends.cuda.writing.numbers import Fields
from companion.inference.steering.bar_so_far import Places
from companion.inference.steering.dials import BarPushes
from companion.tokenizer.token_types import TokenType

NONE = float(1 << 24)  # stands for "no such limit"; exact in float32, and larger than any count or tick


class Dial(IntEnum):
    """The columns of `dials` [bars, len(Dial)]."""

    DIALLED = 0  # 1: any dial pushes the bar
    MELODIC = 1  # 1: notes have durations
    TICKS = 2  # the bar's length
    PACED = 3  # 1: a number of notes is asked for
    PACE_FEWEST = 4
    PACE_MOST = 5
    PULL = 6
    REACH = 7
    VOICED = 8  # 1: a number of voices is asked for
    FEWEST = 9  # 0: not set
    MOST = 10  # NONE: not set
    TIMED = 11  # 1: lengths are asked for
    SHORTEST = 12  # 1: a shortest length is set
    LONGEST = 13  # 1: a longest length is set
    WIDTH = 14  # semitones; NONE: not set
    LOWEST = 15  # of the pitches that count as written; NONE for none
    HIGHEST = 16  # −NONE for none
    CLASSES = 17  # most pitch classes; NONE: not set
    LEANS = 18  # 1: a chord is known
    PAST = 19
    REST_ODDS = 20  # by which the odds of a rest are multiplied


def fields(places: Places, bars: int) -> Fields:
    """The arrays of `bars` bars."""
    ticks, pitches, durations = lengths_of(places)
    return {
        "dials": ((bars, len(Dial)), "f4"),
        "behind": ((bars, ticks + 1), "f4"),
        "ahead": ((bars, ticks + 1), "f4"),
        "beyond": ((bars, durations), "f4"),
        "short_of": ((bars, 2, durations), "f4"),
        "reached": ((bars, 2, durations), "f4"),
        "in_key": ((bars, pitches), "f4"),
        "lean": ((bars * 2 * ticks, 12), "f4"),
        "next_chord": ((bars, ticks + 1), "f4"),
    }


def lengths_of(places: Places) -> tuple[int, int, int]:
    """The numbers of ticks, pitches and durations."""
    return tuple(span.stop - span.start for span in (places.positions, places.pitches, places.durations))  # type: ignore[return-value]


def set_bar(here: Mapping[str, npt.NDArray[Any]], bar: int, pushes: BarPushes) -> None:
    """Write one bar's pushes into the arrays of `fields`."""
    dials = here["dials"][bar]
    dials[:] = 0.0
    dials[[Dial.DIALLED, Dial.MELODIC, Dial.TICKS]] = (
        pushes.dialled,
        pushes.named is TokenType.NOTE_DURATION,
        pushes.length_ticks,
    )
    dials[[Dial.MOST, Dial.WIDTH, Dial.LOWEST, Dial.HIGHEST, Dial.CLASSES]] = NONE, NONE, NONE, -NONE, NONE
    dials[Dial.REST_ODDS] = exp(pushes.rest_push)
    ticks = here["behind"].shape[1] - 1
    for name in ("in_key", "beyond", "short_of", "reached", "behind", "ahead"):
        here[name][bar] = 0.0
    if (pace := pushes.pace) is not None:
        numbers = 1, pace.fewest, pace.most, pace.pull, pace.reach
        dials[[Dial.PACED, Dial.PACE_FEWEST, Dial.PACE_MOST, Dial.PULL, Dial.REACH]] = numbers
        here["behind"][bar, : len(pace.behind)], here["ahead"][bar, : len(pace.ahead)] = pace.behind, pace.ahead
    if (voices := pushes.voices) is not None:
        dials[[Dial.VOICED, Dial.FEWEST]] = 1, voices.fewest or 0
        dials[Dial.MOST] = NONE if voices.most is None else voices.most
    if (lengths := pushes.lengths) is not None:
        dials[Dial.TIMED] = 1
        here["beyond"][bar] = lengths.beyond
        for level, side in lengths.limits:
            column = int(side > 0)
            dials[Dial.SHORTEST + column] = 1
            here["short_of"][bar, column] = lengths.short_of[side]
            here["reached"][bar, column] = (lengths.levels - level) * side >= 0
    if (register := pushes.register) is not None:
        here["in_key"][bar] = register.in_key
        if register.width is not None:
            dials[Dial.WIDTH] = register.width
            if register.ends:
                dials[[Dial.LOWEST, Dial.HIGHEST]] = register.ends
        dials[Dial.CLASSES] = NONE if register.classes is None else register.classes
    if pushes.away is not None:
        # The reference gives half of the chance back that a note loses by this; here it stays lost.
        here["in_key"][bar] += pushes.away
    if (lean := pushes.lean) is not None:
        dials[[Dial.LEANS, Dial.PAST]] = 1, lean.past
        tables = here["lean"].reshape(-1, 2, ticks, 12)[bar]
        tables[0, : len(lean.first)], tables[1, : len(lean.later)] = lean.first, lean.later
        following = here["next_chord"][bar]
        following[:] = NONE
        for start in reversed(lean.starts if lean.past else []):
            following[: start + 1] = start  # index 0 stands for "before the first note"
