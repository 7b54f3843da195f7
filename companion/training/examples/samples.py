"""Turns windows of music into training examples.

Three kinds of example share one grammar:
* live: the targets are the last one or two bars of some tracks. The other tracks' bars from there on are usually hidden, as
  when a companion writes the bar that its partners have not played yet.
* infill: every cell is a target with a probability drawn from U(0, 0.5), as in the training of MIDI-GPT.
* plain: the whole window, sometimes with all tracks except the last hidden towards its end (autoregressive use).

Live and infill examples of songs with known chords may have a chord guide as their last track. It has notes only in the bars to
be written. With a guide, live examples may be practising examples, whose targets lie inside the window. Tracks may be moved to
similar instruments (`variation`), and the others' first hidden bar may be heard up to one of its beats.

A hidden bar is either a MaskBar (if the vocabulary has it) or left out, while the other tokens keep their positions. Leaving it
out equals masking its tokens in the attention, so the attention modes meet nothing new at inference.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from msgspec import structs
from numpy.random import Generator
from numpy.typing import NDArray

from companion.errors import TokenizerError
from companion.music import Score, Track
from companion.tokenizer import Style, Tokenizer
from companion.tokenizer.encode import Encoded
from companion.tokenizer.token_types import TokenType
from companion.training.config import SampleSettings
from companion.training.examples.tasks import KINDS, Cell, Task, draw_task, only_repeats
from companion.training.examples.variation import heard_up_to_a_beat, vary
from companion.training.music.corpus import Corpus, CorpusSong

_ATTEMPTS = 16
_ACTIVE_SHARE = 0.5  # a track is used in a window if at least this share of its bars has notes
_TOKENS_PER_NOTE = (4.0, 3.0)  # (melodic, drum): estimates for choosing tracks before encoding
_GENRE_SHARE = 0.8  # of examples whose song has a known genre: the genre is stated
_SWITCHED_OFF = 0.1  # of examples: velocity, and likewise microtiming, is off, if the vocabulary has the switch
_MASK_TOKEN_SHARE = 0.7  # of hidden bars, if the vocabulary has MaskBar; the rest trains the attention modes


@dataclass(frozen=True, slots=True)
class Example:
    """One training example.

    ids, positions (L,): the kept tokens and their positions. weights (L,) float32: the weight of predicting each token in the
    loss (0 for the first token and after a left-out bar). filled (L,) bool: inside a fill block.
    """

    ids: NDArray[np.int64]
    positions: NDArray[np.int64]
    weights: NDArray[np.float32]
    filled: NDArray[np.bool_]
    kind: str


class SampleMaker:
    """Draws examples from a corpus. All randomness comes from the generator passed in."""

    def __init__(
        self,
        corpus: Corpus,
        tokenizer: Tokenizer,
        settings: SampleSettings,
        set_weights: dict[str, float],
        positions: int,
    ) -> None:
        self.tokenizer = tokenizer
        self.settings = settings
        self._corpus, self._set_weights = corpus, set_weights
        self._positions = positions
        self._windows = tokenizer.config.num_bars_map
        self._window_shares = _shares(settings.window_weights or (1.0,) * len(self._windows))
        if len(self._window_shares) != len(self._windows):
            raise TokenizerError(f"samples.window_weights needs one number for each of {list(self._windows)}")
        groups: dict[str, list[CorpusSong]] = {}
        for song in corpus.songs:
            if song.bar_count >= min(self._windows):
                groups.setdefault(song.dataset, []).append(song)
        if not groups:
            raise TokenizerError(f"no song has the {min(self._windows)} bars of the shortest window")
        self._groups = [songs for _, songs in sorted(groups.items())]
        self._group_shares = _shares(
            [set_weights.get(name, 0.0) if set_weights else len(groups[name]) for name in sorted(groups)]
        )

    @property
    def knows_chords(self) -> bool:
        """Whether the chords of any song are known."""
        return any(song.has_chords for songs in self._groups for song in songs)

    def as_played(self, chord_guide: float) -> SampleMaker:
        """The same object without variation, for measurements."""
        settings = structs.replace(
            self.settings,
            chord_guide=chord_guide,
            heard=0.0,
            repeats_kept=1.0,
            other_octave=0.0,
            other_program=0.0,
            other_kit=0.0,
        )
        return SampleMaker(self._corpus, self.tokenizer, settings, self._set_weights, self._positions)

    def draw(self, rng: Generator, kind: str | None = None) -> Example:
        """Draw one example, of `kind` or of a kind drawn by the shares. Raises TokenizerError when no song yields one."""
        for _ in range(_ATTEMPTS * 8):
            songs = self._groups[rng.choice(len(self._groups), p=self._group_shares)]
            song = songs[rng.integers(len(songs))]
            bars = self._windows[rng.choice(len(self._windows), p=self._window_shares)]
            try:
                found = self._from_song(rng, song, bars, kind or self._kind(rng))
            except TokenizerError:  # a meter the vocabulary lacks
                continue
            if found is not None:
                return found
        raise TokenizerError("no window of this music fits the model")

    def _kind(self, rng: Generator) -> str:
        settings = self.settings
        return str(rng.choice(KINDS, p=(settings.live, settings.infill, 1 - settings.live - settings.infill)))

    def _from_song(self, rng: Generator, song: CorpusSong, bars: int, kind: str) -> Example | None:
        while bars > song.bar_count:
            smaller = [length for length in self._windows if length < bars]
            if not smaller:
                return None
            bars = max(smaller)
        chosen = self._choose_window(rng, song, bars)
        if chosen is None:
            return None
        start, tracks = chosen
        shift = int(rng.integers(-self.settings.transpose, self.settings.transpose + 1))
        scale = 1 + float(rng.uniform(-self.settings.velocity_scale, self.settings.velocity_scale))
        guided = kind != "plain" and song.has_chords and rng.random() < self.settings.chord_guide
        while tracks:
            window = vary(rng, song.window(start, bars, tracks, shift, scale), self.settings)
            guide = len(window.tracks) if guided else None
            if guided:
                window = replace(window, tracks=(*window.tracks, song.guide_track(start, bars, shift)))
            task = draw_task(rng, kind, window, self.settings, guide)
            if kind == "live" and only_repeats(window, task) and rng.random() >= self.settings.repeats_kept:
                return None
            found = self._example(rng, window, task, guide, self._style(rng, song))
            if found is not None:
                return found
            tracks = tracks[:-1]
        return None

    def _choose_window(self, rng: Generator, song: CorpusSong, bars: int) -> tuple[int, list[int]] | None:
        """Draw a start bar and tracks in random order. Tracks are dropped until the estimated number of tokens fits."""
        counts = song.note_counts()
        wanted = int(rng.integers(self.settings.min_tracks, self.settings.max_tracks + 1))
        for _ in range(_ATTEMPTS):
            start = int(rng.integers(song.bar_count - bars + 1))
            cut = counts[:, start : start + bars]
            active = np.flatnonzero((cut > 0).sum(axis=1) >= math.ceil(_ACTIVE_SHARE * bars))
            if not len(active):
                continue
            tracks = [int(track) for track in rng.permutation(active)[:wanted]]
            costs = [4 * bars + _TOKENS_PER_NOTE[int(song.drums[track])] * cut[track].sum() for track in tracks]
            while len(tracks) > 1 and sum(costs[: len(tracks)]) > 1.2 * self.settings.max_tokens:
                tracks.pop()
            return start, tracks
        return None

    def _style(self, rng: Generator, song: CorpusSong) -> Style:
        """The song's genre and the switches. The genre is sometimes left out, so that a model also plays without one."""
        vocabulary = self.tokenizer.vocabulary
        genre = None
        if TokenType.GENRE in vocabulary and song.genre and rng.random() < _GENRE_SHARE:
            genre = vocabulary.genre_index(song.genre)
        velocity, microtiming = (
            token_type not in vocabulary or rng.random() >= _SWITCHED_OFF
            for token_type in (TokenType.USE_VELOCITY, TokenType.USE_MICROTIMING)
        )
        return Style(genre, velocity, microtiming)

    def _example(self, rng: Generator, window: Score, task: Task, guide: int | None, style: Style) -> Example | None:
        """The example of a task; None when the window is too long for the model or has no note left."""
        if guide is not None:
            window = window.with_track(guide, _only_in(window.tracks[guide], {bar for _, bar in task.targets}))
        if task.kind == "live" and task.hidden and rng.random() < self.settings.heard:
            window = heard_up_to_a_beat(rng, window, task, guide)
        window = _without(window, task.hidden | task.emptied)
        if not any(bar.notes for track in window.tracks[:guide] for bar in track.bars):
            return None
        mask_token = TokenType.MASK_BAR in self.tokenizer.vocabulary and rng.random() < _MASK_TOKEN_SHARE
        encoded = self.tokenizer.encode(
            window,
            targets=task.targets,
            hidden=task.hidden,
            mask_token=mask_token,
            attributes=self._overrides(window, task),
            attributes_exclude=_uncounted(window, task),
            fills=bool(task.targets),
            style=style,
        )
        return self._finish(encoded, task.kind)

    def _overrides(self, window: Score, task: Task) -> list[dict[str, int | None]]:
        silent: dict[str, int | None] = dict.fromkeys(self.tokenizer.config.attribute_names)
        return [silent if index in task.unattributed else {} for index in range(len(window.tracks))]

    def _finish(self, encoded: Encoded, kind: str) -> Example | None:
        ids = np.array(encoded.ids, dtype=np.int64)
        if len(ids) > self._positions:
            return None
        vocabulary = self.tokenizer.vocabulary
        filled = np.zeros(len(ids), dtype=bool)
        if encoded.targets:
            start = vocabulary.id(TokenType.FILL_IN_START)
            filled[int(np.flatnonzero(ids == start)[0]) :] = True
            filled &= ids != start
        weights = np.where(filled, self.settings.infill_weight, 1.0).astype(np.float32)
        weights[0] = 0
        kept = np.ones(len(ids), dtype=bool)
        for first, end in encoded.hidden_spans:
            kept[first:end] = False
            weights[min(end, len(ids) - 1)] = 0  # the token after a gap is unpredictable and never generated
        positions = np.flatnonzero(kept)
        if len(positions) > self.settings.max_tokens:
            return None
        return Example(ids[positions], positions.astype(np.int64), weights[positions], filled[positions], kind)


def _shares(weights: list[float] | tuple[float, ...]) -> NDArray[np.float64]:
    total = np.array(weights, dtype=np.float64)
    return total / total.sum()


def _without(window: Score, cells: set[Cell]) -> Score:
    """The window without the notes of these cells."""
    tracks = [
        replace(
            track,
            bars=tuple(
                replace(bar, notes=()) if (index, number) in cells else bar for number, bar in enumerate(track.bars)
            ),
        )
        for index, track in enumerate(window.tracks)
    ]
    return replace(window, tracks=tuple(tracks))


def _only_in(track: Track, bars: set[int]) -> Track:
    """The track with notes only in these bars."""
    return replace(
        track,
        bars=tuple(bar if number in bars else replace(bar, notes=()) for number, bar in enumerate(track.bars)),
    )


def _uncounted(window: Score, task: Task) -> set[Cell]:
    """Cells whose notes do not count for attributes: the hidden cells, and sometimes the other cells of target tracks.

    The latter are left out when the levels must describe the bars to be written. If all targets are rests, the whole window
    counts.
    """
    cells = set(task.hidden)
    if task.whole_window:
        return cells
    for index, track in enumerate(window.tracks):
        aimed = {cell for cell in task.targets if cell[0] == index}
        if any(track.bars[bar].notes for _, bar in aimed):
            cells |= {(index, bar) for bar in range(len(track.bars))} - aimed
    return cells
