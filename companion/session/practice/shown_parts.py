"""Chooses the written parts of a song that the model sees, where not all fit. Pure: it counts notes and bars."""

from __future__ import annotations

from collections.abc import Iterable

from companion.music import Score, Track

MAX_PARTS = 8
TOKENS_PER_NOTE = 4
WINDOW_BARS = 4  # the smallest window must hold the shown parts
WINDOW_TOKENS = 1200


def parts_to_show(score: Score, tracks: Iterable[int], first: Iterable[int] = ()) -> frozenset[int]:
    """Numbers of score tracks: `first` in any case (the player's own), then those that play in most bars, lightest first.

    As many as the model's positions hold in a window of four bars of average density, at most eight.
    """
    shown: list[int] = []
    room = float(WINDOW_TOKENS)
    wanted = sorted(set(tracks) - set(first), key=lambda number: _rank(score.tracks[number]))
    for number in (*dict.fromkeys(first), *wanted):
        cost = _window_tokens(score.tracks[number])
        if shown and (len(shown) >= MAX_PARTS or cost > room):
            continue
        shown.append(number)
        room -= cost
    return frozenset(shown)


def _rank(track: Track) -> tuple[int, int]:
    return -sum(bool(bar.notes) for bar in track.bars), sum(len(bar.notes) for bar in track.bars)


def _window_tokens(track: Track) -> float:
    """The tokens of a window in which the part plays."""
    playing = [len(bar.notes) for bar in track.bars if bar.notes]
    return TOKENS_PER_NOTE * WINDOW_BARS * sum(playing) / len(playing) if playing else 0.0
