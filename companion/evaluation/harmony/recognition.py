"""Recognition of chords against songs whose chords are known, beat by beat, with the comparisons of mir_eval.

Knows the folder layout of the training music: one folder a set, with `chords.jsonl` (for each song its file, key, chords by
bar and the role of every track) beside the MIDI files, and `splits.tsv` above. Needs the extra "report".
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from companion.errors import MidiFileError, TrainingError
from companion.harmony.fit import CONTRADICTS, contradiction
from companion.harmony.recognition import Recogniser, recognise_song, with_held_notes
from companion.harmony.spans import ChordSpan
from companion.harmony.symbols import ChordSymbol, is_no_chord, parse_chord
from companion.midi.file import read_midi
from companion.music import Note, Score, TimeSignature
from companion.training.config import DataSettings
from companion.training.music.listing import list_split

PARTS: Mapping[str, tuple[str, ...]] = {
    "comping and bass": ("chords", "bass"),
    "comping": ("chords",),
    "all pitched parts": ("chords", "bass", "melody", "arpeggio", "pad"),
    "melody": ("melody",),
}
REAL_MELODIES = "mma-ewld-pd"  # in the other sets melodies are made by rule
Bars = list[tuple[tuple[Note, ...], TimeSignature]]


@dataclass(frozen=True, slots=True)
class KnownSong:
    """A song with its true chords. roles: what each track is ("chords", "bass", …). spans: true chords by bar."""

    dataset: str
    score: Score
    roles: tuple[str, ...]
    spans: tuple[tuple[ChordSpan, ...], ...]

    def bars(self, roles: Sequence[str]) -> Bars | None:
        """The notes of the parts with these roles, by bar; None where there are none."""
        tracks = [track for track, role in zip(self.score.tracks, self.roles, strict=True) if role in roles]
        if not tracks:
            return None
        return [
            (
                tuple(note for track in tracks for note in track.bars[index].notes),
                tracks[0].bars[index].time_signature,
            )
            for index in range(len(self.spans))
        ]


def known_songs(data: Path, split: str, limit: int, seed: int) -> Iterator[KnownSong]:
    """Up to `limit` songs of each set with known chords, drawn by `seed`. TrainingError where there are none."""
    entries = list_split(data, split, DataSettings(max_files=10**9, max_valid_files=10**9))
    wanted = {entry.path for entry in entries}
    found = False
    for listing in sorted(data.glob("*/chords.jsonl")):
        rows = [json.loads(line) for line in listing.read_text(encoding="utf-8").splitlines()]
        rows = [row for row in rows if f"{listing.parent.name}/{row['file']}" in wanted]
        random.Random(seed).shuffle(rows)
        for row in rows[:limit]:
            if song := _known_song(listing.parent, row):
                found = True
                yield song
    if not found:
        raise TrainingError(f"{data}: no songs with known chords in the {split} split (looked for */chords.jsonl)")


def _known_song(folder: Path, row: Mapping[str, Any]) -> KnownSong | None:
    try:
        score = read_midi(folder / row["file"], 480)
    except MidiFileError:
        return None
    if len(score.tracks) != len(row["tracks"]) or score.bar_count < len(row["chords"]):
        return None
    roles = tuple(name.partition(":")[0] for name in row["tracks"])
    return KnownSong(folder.name, score, roles, tuple(_true_spans(score, row["chords"])))


def _true_spans(score: Score, chords: Sequence[Sequence[tuple[float, str]]]) -> Iterator[tuple[ChordSpan, ...]]:
    current: ChordSymbol | None = None
    for index, marks in enumerate(chords):
        beats = float(score.tracks[0].bars[index].time_signature.beats)
        heads: list[tuple[float, ChordSymbol | None]] = [(float(at), _symbol(text)) for at, text in marks if at < beats]
        if not heads or heads[0][0] > 0:
            heads.insert(0, (0.0, current))
        ends = [at for at, _ in heads[1:]] + [beats]
        yield tuple(ChordSpan(at, end - at, chord) for (at, chord), end in zip(heads, ends, strict=True))
        current = heads[-1][1]


def _symbol(text: str) -> ChordSymbol | None:
    if is_no_chord(text) or text == "z":
        return None
    try:
        return parse_chord(text)
    except ValueError:
        return None


def measure_recognition(songs: Sequence[KnownSong], seed: int = 1) -> dict[str, Any]:
    """For each kind of input the share of beats with the right root and the right seventh chord, heard bar by bar.

    "sevenths" counts only beats whose true chord is a major or minor triad or a major, minor or dominant seventh, as
    mir_eval does. "melody" hears real melodies only. "whole song" hears the song twice, as when a file is loaded.
    """
    report: dict[str, Any] = {"songs": len(songs)}
    for name, roles in PARTS.items():
        chosen = [song for song in songs if name != "melody" or song.dataset == REAL_MELODIES]
        report[name] = {}
        for way in ("bar by bar", "whole song"):
            pairs = [pair for song in chosen if (bars := song.bars(roles)) for pair in _compared(song, bars, way)]
            report[name][way] = _shares(pairs)
    report["contradiction"] = _contradictions(songs, seed)
    return report


Compared = tuple[ChordSymbol, ChordSymbol | None, float]  # true chord, what was heard, beats


def _compared(song: KnownSong, bars: Bars, way: str) -> Iterator[Compared]:
    """Stretches with one true and one heard chord; in silence the last chord heard is taken to go on."""
    if way == "whole song":
        heard = recognise_song(bars)
    else:
        recogniser = Recogniser()
        heard = tuple(recogniser.hear(notes, meter) for notes, meter in with_held_notes(bars))
    last: ChordSymbol | None = None
    for true_spans, spans, (_, meter) in zip(song.spans, heard, bars, strict=True):
        for true in true_spans:
            for span in spans or (ChordSpan(0.0, float(meter.beats), last),):
                beats = min(true.beat + true.beats, span.beat + span.beats) - max(true.beat, span.beat)
                if true.chord is not None and beats > 0:
                    yield true.chord, span.chord, beats
        last = spans[-1].chord if spans else last


def _shares(pairs: Sequence[Compared]) -> dict[str, float]:
    from mir_eval import chord as comparisons

    if not pairs:
        return {}
    truth = [harte_label(true) for true, _, _ in pairs]
    heard = [harte_label(chord) for _, chord, _ in pairs]
    beats = np.array([length for _, _, length in pairs])
    return {
        "root": float(comparisons.weighted_accuracy(comparisons.root(truth, heard), beats)),
        "sevenths": float(comparisons.weighted_accuracy(comparisons.sevenths(truth, heard), beats)),
        "beats": float(beats.sum()),
    }


_HARTE = (
    ({4, 11}, "maj7"), ({4, 8, 10}, "aug(b7)"), ({4, 10}, "7"), ({4, 9}, "maj6"), ({4, 8}, "aug"), ({4}, "maj"),
    ({3, 6, 10}, "hdim7"), ({3, 6, 9}, "dim7"), ({3, 6}, "dim"), ({3, 11}, "minmaj7"), ({3, 10}, "min7"),
    ({3, 9}, "min6"), ({3}, "min"), ({5, 10}, "sus4(b7)"), ({5}, "sus4"), ({2}, "sus2"), ({7}, "5"),
)  # fmt: skip


def harte_label(chord: ChordSymbol | None) -> str:
    """The chord in the notation of Harte et al. (ISMIR 2005), which mir_eval reads; tensions are left out."""
    if chord is None:
        return "N"
    root = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")[chord.root]
    tones = set(chord.intervals) - ({6, 8} if 7 in chord.intervals else set())
    return f"{root}:{next((name for needed, name in _HARTE if needed <= tones), '1')}"


def _contradictions(songs: Sequence[KnownSong], seed: int) -> dict[str, Any]:
    """From comping and bass: how many bars that keep to their chord, or have another, reach the score that contradicts."""
    draw = random.Random(seed)
    counts: dict[str, list[int]] = {"first beat": [0, 0, 0, 0], "first half": [0, 0, 0, 0]}
    for song in songs:
        bars = song.bars(PARTS["comping and bass"])
        chords = [spans[0].chord for spans in song.spans if spans[0].chord]
        if not bars or not chords:
            continue
        recogniser = Recogniser()
        for spans, (notes, meter) in zip(song.spans, with_held_notes(bars), strict=True):
            first, other = spans[0], draw.choice(chords)
            for name, until in (("first beat", 1.0), ("first half", float(meter.beats) / 2)):
                if first.chord is None or until > first.beats:
                    continue
                kept = contradiction(notes, first.chord, 0.0, until, recogniser.keys) >= CONTRADICTS
                counts[name][0] += kept
                counts[name][1] += 1
                if len(first.chord.pitch_classes & other.pitch_classes) <= 1:
                    counts[name][2] += contradiction(notes, other, 0.0, until, recogniser.keys) >= CONTRADICTS
                    counts[name][3] += 1
            recogniser.hear(notes, meter)
    return {
        name: {"kept bars called wrong": kept / max(1, bars), "other chords caught": caught / max(1, planted)}
        for name, (kept, bars, caught, planted) in counts.items()
    }


def lines(report: Mapping[str, Any]) -> list[str]:
    """The report for reading."""
    out = [f"{report['songs']} songs with known chords; share of beats with the right root · seventh chord (mir_eval)"]
    for name in PARTS:
        for way, shares in report[name].items():
            if shares:
                out.append(f"{name:<20}{way:<12}{shares['root']:>7.1%} · {shares['sevenths']:.1%}")
    for name, shares in report["contradiction"].items():
        out.append(
            f"contradiction after the {name}: {shares['other chords caught']:.1%} of other chords caught, "
            f"{shares['kept bars called wrong']:.1%} of bars that kept to their chord called wrong"
        )
    return out


def plot(songs: Sequence[KnownSong], path: Path, beats: int = 128) -> None:
    """One song of each of three sets: true roots as a band, heard roots as a line, in fourths so that related chords are near."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    chosen = list({song.dataset: song for song in songs if song.bars(PARTS["comping and bass"])}.values())[:3]
    figure, axes = pyplot.subplots(len(chosen), 1, figsize=(10, 2.6 * len(chosen)), squeeze=False)
    names = ["C", "F", "Bb", "Eb", "Ab", "Db", "Gb", "B", "E", "A", "D", "G"]
    for axis, song in zip(axes[:, 0], chosen, strict=True):
        bars = song.bars(PARTS["comping and bass"]) or []
        compared = list(_compared(song, bars, "bar by bar"))
        at, rows = 0.0, []
        for true, heard, length in compared:
            rows.append((at, length, true.root * 5 % 12, None if heard is None else heard.root * 5 % 12))
            at += length
        for start, length, true_row, heard_row in rows:
            axis.broken_barh([(start, length)], (true_row - 0.45, 0.9), color="#c8d6e5")
            if heard_row is not None:
                axis.plot([start, start + length], [heard_row, heard_row], color="#c0392b", linewidth=2)
        axis.set(xlim=(0, min(beats, at)), ylim=(-0.6, 11.6), yticks=range(12), yticklabels=names)
        axis.set_title(f"{song.dataset}: true roots (bands) and heard roots (lines)", fontsize=9)
    axes[-1, 0].set_xlabel("beats with a known chord")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
