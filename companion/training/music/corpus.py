"""Music as compact arrays, which are read once from MIDI, cached on disk, and cut into windows in microseconds.

This module knows MIDI files and arrays, but no tokens, so one cache serves every vocabulary. Onsets and durations are in 1/480
quarter; finer remainders are dropped (1/480 quarter is a third of the finest microtiming step, 1/144).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from companion.errors import CompanionError, TrainingError
from companion.harmony.guide import GUIDE_PROGRAM
from companion.midi.file import read_midi
from companion.music import Bar, Note, Score, TimeSignature, Track
from companion.music.units import RESOLUTION
from companion.training.music.chords import (
    CHORD_COLUMNS,
    CHORDS_NAME,
    Marks,
    chord_rows,
    guide_arrays,
    read_chords,
    song_spans,
)
from companion.training.music.listing import Entry

_CACHE_VERSION = 4
_LONGEST = np.iinfo(np.uint16).max
_FIELDS = ("notes", "cells", "programs", "drums", "meters", "guide", "guide_cells", "chords", "shape")
_NO_ROWS = np.zeros((0, 4), np.uint16)
_NO_CELLS = np.zeros(0, np.uint32)
_NO_CHORDS = np.zeros((0, CHORD_COLUMNS), np.uint16)


@dataclass(frozen=True, slots=True)
class CorpusSong:
    """One file.

    notes (N, 4) uint16: onset, duration, pitch, velocity, in cell order. cells (tracks·bars + 1,): the index in notes where cell
    track·bars + bar begins. programs, drums (tracks,) uint8. meters (bars, 2) uint8. guide, guide_cells, chords: as in
    `chords.guide_arrays` and `chords.chord_rows` if the song's chords are known, else empty. genre: from the table of splits;
    "" if it names none.
    """

    dataset: str
    notes: NDArray[np.uint16]
    cells: NDArray[np.uint32]
    programs: NDArray[np.uint8]
    drums: NDArray[np.uint8]
    meters: NDArray[np.uint8]
    guide: NDArray[np.uint16] = field(default_factory=lambda: _NO_ROWS)
    guide_cells: NDArray[np.uint32] = field(default_factory=lambda: _NO_CELLS)
    chords: NDArray[np.uint16] = field(default_factory=lambda: _NO_CHORDS)
    genre: str = ""

    @property
    def has_chords(self) -> bool:
        """Whether its chords are known."""
        return len(self.chords) > 0

    @property
    def bar_count(self) -> int:
        """Bars of every track."""
        return len(self.meters)

    def note_counts(self) -> NDArray[np.int64]:
        """(tracks, bars): the number of notes in each cell."""
        return np.diff(self.cells.astype(np.int64)).reshape(len(self.programs), self.bar_count)

    def window(self, start: int, bars: int, tracks: Sequence[int], shift: int = 0, scale: float = 1.0) -> Score:
        """Bars start..start+bars-1 of `tracks` in this order; melodic pitches moved by `shift`, velocities times `scale`."""
        meters = [TimeSignature(int(top), int(bottom)) for top, bottom in self.meters[start : start + bars]]
        parts = []
        for track in tracks:
            drum = bool(self.drums[track])
            cells = [self._cell(track, start + index, 0 if drum else shift, scale) for index in range(bars)]
            parts.append(Track(tuple(map(Bar, cells, meters)), int(self.programs[track]), drum))
        return Score(tuple(parts), RESOLUTION)

    def guide_track(self, start: int, bars: int, shift: int = 0) -> Track:
        """The chord guide of these bars, transposed by `shift`. The song's chords must be known."""
        found = []
        for bar in range(start, start + bars):
            rows = self.guide[self.guide_cells[bar] : self.guide_cells[bar + 1]]
            meter = TimeSignature(*self.meters[bar].tolist())
            found.append(Bar(_notes(rows, shift, 1.0), meter))
        return Track(tuple(found), GUIDE_PROGRAM)

    def _cell(self, track: int, bar: int, shift: int, scale: float) -> tuple[Note, ...]:
        cell = track * self.bar_count + bar
        return _notes(self.notes[self.cells[cell] : self.cells[cell + 1]], shift, scale)


def _notes(rows: NDArray[np.uint16], shift: int, scale: float) -> tuple[Note, ...]:
    return tuple(
        Note(onset, duration, min(127, max(0, pitch + shift)), min(127, max(1, round(velocity * scale))))
        for onset, duration, pitch, velocity in rows.tolist()
    )


def song_from_score(score: Score, dataset: str = "music", marks: Marks | None = None) -> CorpusSong:
    """The arrays of a score on the 480 grid. Raises TrainingError when it has no note or uneven bars.

    marks: the song's chords in each bar, as in `chords.jsonl`; None if unknown.
    """
    bars = [bar for track in score.tracks for bar in track.bars]
    if score.resolution != RESOLUTION or not bars or len(bars) != len(score.tracks) * score.bar_count:
        raise TrainingError("not a score of equal tracks at 480 ticks a quarter")
    rows = [
        (max(0, note.onset_ticks), min(_LONGEST, note.duration_ticks), note.pitch, note.velocity)
        for bar in bars
        for note in bar.notes
    ]
    if not rows:
        raise TrainingError("no notes")
    meters = [(bar.time_signature.numerator, bar.time_signature.denominator) for bar in score.tracks[0].bars]
    if max(map(max, meters)) > 255:
        raise TrainingError("a meter beyond 255/255")
    spans = song_spans(marks, [bar.time_signature for bar in score.tracks[0].bars]) if marks else []
    guide, guide_cells = guide_arrays(spans) if spans else (_NO_ROWS, _NO_CELLS)
    return CorpusSong(
        dataset,
        np.array(rows, dtype=np.uint16),
        np.concatenate(([0], np.cumsum([len(bar.notes) for bar in bars]))).astype(np.uint32),
        np.array([track.program for track in score.tracks], dtype=np.uint8),
        np.array([track.is_drum for track in score.tracks], dtype=np.uint8),
        np.array(meters, dtype=np.uint8),
        guide,
        guide_cells,
        chord_rows(spans) if spans else _NO_CHORDS,
    )


@dataclass(frozen=True, slots=True)
class Corpus:
    """Songs of one split. `broken`: one line for each file that was skipped."""

    songs: tuple[CorpusSong, ...]
    broken: tuple[str, ...] = ()


def load_corpus(
    root: Path,
    entries: Iterable[Entry],
    cache: Path,
    readers: int = 1,
    report: Callable[[str], None] = lambda line: None,
) -> Corpus:
    """Read `entries` from the cache, or read the MIDI files and fill the cache.

    Broken files are reported and skipped. Raises TrainingError when no file can be read or the disk is full.
    """
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(entry.dataset, []).append(entry)
    songs: list[CorpusSong] = []
    broken: list[str] = []
    for dataset, group in sorted(groups.items()):
        path = cache / f"{dataset}-{_fingerprint(root, group)}.npz"
        if not path.is_file():
            report(f"reading {len(group)} files of {dataset}")
            _write_cache(path, *_read_files(root, group, readers))
        found, faults = _read_cache(path, dataset)
        songs += found
        broken += faults
    if not songs:
        raise TrainingError(
            f"{root}: none of {len(broken)} MIDI files could be read; the first: {broken[0] if broken else '-'}"
        )
    return Corpus(tuple(songs), tuple(broken))


def _fingerprint(root: Path, group: list[Entry]) -> str:
    """A key that changes with the list of files, their sizes and the cache format."""
    digest = hashlib.sha256(str(_CACHE_VERSION).encode())
    for entry in group:
        path = root / entry.path
        digest.update(f"{entry.path}\0{_size(path)}\0{entry.genre}\0".encode())
    for dataset in sorted({entry.dataset for entry in group}):
        digest.update(f"{dataset}\0{_size(root / dataset / CHORDS_NAME)}\0".encode())
    return digest.hexdigest()[:12]


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1


def _read_files(root: Path, group: list[Entry], readers: int) -> tuple[list[CorpusSong], list[str]]:
    known = {dataset: read_chords(root / dataset) for dataset in {entry.dataset for entry in group}}
    jobs = [(str(root / entry.path), entry, known[entry.dataset].get(Path(entry.path).name)) for entry in group]
    if readers > 1 and len(jobs) > 64:
        with ProcessPoolExecutor(readers) as pool:
            results = list(pool.map(_read_file, jobs, chunksize=16))
    else:
        results = list(map(_read_file, jobs))
    return [item for item in results if isinstance(item, CorpusSong)], [
        item for item in results if isinstance(item, str)
    ]


def _read_file(job: tuple[str, Entry, Marks | None]) -> CorpusSong | str:
    """The song, or one line with the reason for failure. The reader must survive any file, so every error means a broken file."""
    path, entry, marks = job
    try:
        song = song_from_score(read_midi(Path(path), as_midigpt=True), entry.dataset, marks)
        return replace(song, genre=entry.genre)
    except (CompanionError, ValueError, OverflowError, OSError) as error:
        return f"{path}: {str(error).removeprefix(f'{path}: ')}"


def _write_cache(path: Path, songs: list[CorpusSong], broken: list[str]) -> None:
    """Write one .npz: the songs' arrays end to end, and `shape` (songs, 5) = each song's notes, tracks, bars, guide notes, chords."""
    arrays: dict[str, NDArray] = {
        "shape": np.array(
            [
                (len(song.notes), len(song.programs), song.bar_count, len(song.guide), len(song.chords))
                for song in songs
            ],
            dtype=np.uint32,
        ).reshape(-1, 5),
        "broken": np.array(broken, dtype=np.str_),
        "genres": np.array([song.genre for song in songs], dtype=np.str_),
    }
    for name in _FIELDS[:-1]:
        arrays[name] = np.concatenate([getattr(song, name) for song in songs]) if songs else np.zeros(0, np.uint8)
    partial = path.with_suffix(f".{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as stream:
            np.savez_compressed(stream, allow_pickle=False, **arrays)
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise TrainingError(f"cannot write the cache {path}: {error.strerror or error}") from None


def _read_cache(path: Path, dataset: str) -> tuple[list[CorpusSong], list[str]]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays: dict[str, NDArray] = {name: archive[name] for name in (*_FIELDS, "broken", "genres")}
    except (OSError, ValueError, KeyError) as error:
        raise TrainingError(f"broken cache file {path} ({error}); delete it to read the MIDI files again") from None
    taken: dict[str, int] = dict.fromkeys(_FIELDS[:-1], 0)

    def take(name: str, count: int) -> NDArray:
        start = taken[name]
        taken[name] = start + count
        return arrays[name][start : start + count]

    songs = [
        CorpusSong(
            dataset,
            take("notes", notes),
            take("cells", tracks * bars + 1),
            take("programs", tracks),
            take("drums", tracks),
            take("meters", bars),
            take("guide", guide_notes),
            take("guide_cells", bars + 1 if chords else 0),
            take("chords", chords),
            genre,
        )
        for (notes, tracks, bars, guide_notes, chords), genre in zip(
            arrays["shape"].tolist(), arrays["genres"].tolist(), strict=True
        )
    ]
    return songs, arrays["broken"].tolist()
