"""Held-out windows in the shape of live use: the human's bars are hidden from the target on, the companion's are to be written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from companion.errors import TrainingError
from companion.harmony.spans import ChordSpan
from companion.music import Bar, Score
from companion.training.config import DataSettings
from companion.training.music.chords import spans_of_rows
from companion.training.music.corpus import Corpus, CorpusSong, load_corpus
from companion.training.music.listing import list_split

Cell = tuple[int, int]
MAX_NOTES = 260  # keeps prompts within the shortest context of any checkpoint (about 4 tokens per note)


@dataclass(frozen=True, slots=True)
class LiveWindow:
    """One test case. targets: cells to write, all in the last bar. hidden: cells that the player has not played yet.

    guide, chords: the notes of the chord guide and the chords of each bar; both are empty if unknown.
    """

    dataset: str
    score: Score
    targets: tuple[Cell, ...]
    hidden: tuple[Cell, ...]
    guide: tuple[Bar, ...] = ()
    chords: tuple[tuple[ChordSpan, ...], ...] = ()

    @property
    def bar(self) -> int:
        """The bar to be written."""
        return self.targets[0][1]

    def truth(self, cell: Cell) -> Bar:
        """The music that was really played there."""
        return self.score.tracks[cell[0]].bars[cell[1]]

    def beside(self, cell: Cell) -> list[Bar]:
        """The other melodic tracks' true bars at the same time."""
        return [t.bars[cell[1]] for i, t in enumerate(self.score.tracks) if i != cell[0] and not t.is_drum]

    def before(self, cell: Cell) -> list[Bar]:
        """All tracks' bars before the target."""
        return [bar for track in self.score.tracks for bar in track.bars[: cell[1]]]


def load_split(data: Path, split: str, cache: Path, files: int) -> Corpus:
    """Up to `files` songs of a split, divided evenly among the sets. Raises TrainingError when there are none."""
    entries = list_split(data, split, DataSettings(max_files=files, max_valid_files=files, readers=1))
    if not entries:
        raise TrainingError(f"{data}: no files of the split {split!r}")
    return load_corpus(data, entries, cache)


def draw_windows(corpus: Corpus, count: int, bars: int, seed: int, with_chords: bool = False) -> list[LiveWindow]:
    """`count` windows, from each set of music equally often; deterministic for a seed. with_chords: only songs with known chords.

    Raises TrainingError when no song is suitable.
    """
    rng = np.random.default_rng(seed)
    by_set: dict[str, list[CorpusSong]] = {}
    for song in corpus.songs:
        if song.bar_count >= bars and len(song.programs) > 1 and (song.has_chords or not with_chords):
            by_set.setdefault(song.dataset, []).append(song)
    if not by_set:
        known = " whose chords are known" if with_chords else ""
        raise TrainingError(f"no held-out song with {bars} bars and two tracks{known}")
    names = sorted(by_set)
    found: list[LiveWindow] = []
    for attempt in range(count * 50):
        if len(found) == count:
            break
        songs = by_set[names[attempt % len(names)]]
        window = _window(songs[int(rng.integers(len(songs)))], bars, rng)
        if window is not None:
            found.append(window)
    return found


def _window(song: CorpusSong, bars: int, rng: np.random.Generator) -> LiveWindow | None:
    start = int(rng.integers(song.bar_count - bars + 1))
    counts = song.note_counts()[:, start : start + bars]
    active = np.flatnonzero((counts > 0).sum(axis=1) >= np.ceil(0.75 * bars))
    chosen: list[int] = []
    for track in rng.permutation(active)[:4]:
        if counts[[*chosen, track]].sum() <= MAX_NOTES:
            chosen.append(int(track))
    # The player keeps playing; a last bar in which everybody rests is the end of the piece.
    melodic = [track for track in chosen if not song.drums[track] and counts[track, -1]]
    if len(chosen) < 2 or not melodic:
        return None
    human = melodic[int(rng.integers(len(melodic)))]
    tracks = [human, *(track for track in chosen if track != human)]
    last = bars - 1
    targets = tuple((index, last) for index in range(1, len(tracks)))
    guide = song.guide_track(start, bars).bars if song.has_chords else ()
    chords = spans_of_rows(song.chords, start, bars) if song.has_chords else ()
    return LiveWindow(song.dataset, song.window(start, bars, tracks), targets, ((0, last),), guide, chords)


def random_bar(windows: Sequence[LiveWindow], like: LiveWindow, cell: Cell, rng: np.random.Generator) -> Bar:
    """A true bar of the same kind of track and the same meter from another window (the random baseline)."""
    meter, drum = like.truth(cell).time_signature, like.score.tracks[cell[0]].is_drum
    pool = [
        bar
        for other in windows
        if other is not like
        for track in other.score.tracks
        if track.is_drum == drum
        for bar in track.bars
        if bar.time_signature == meter
    ]
    return pool[int(rng.integers(len(pool)))] if pool else Bar((), meter)
