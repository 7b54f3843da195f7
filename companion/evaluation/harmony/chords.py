"""Measures whether notes keep to the chords, on held-out songs with known chords.

In written bars: every part's last bar is written with and without the chord guide, and with and without the dials (steering). It
is compared with the bar before, copied into a bar that may have another chord, and with the music itself, whose share is the
ceiling. A note counts as in the chord when its pitch class belongs to the chord that sounds at its onset.

Teacher-forced: the probability that the model gives to the chord's pitch classes wherever the music has a pitch in the bars to
be written. Bars whose chord differs from the bar before are reported separately, because copying does not help there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from companion.evaluation.infill import KnownChords, Player, blank
from companion.evaluation.measures.intervals import Figure, ratio
from companion.evaluation.progress import Progress, counted
from companion.evaluation.windows import Cell, LiveWindow
from companion.harmony.guide import GUIDE_PROGRAM
from companion.harmony.spans import ChordSpan
from companion.harmony.symbols import ChordSymbol
from companion.music import Bar, Track
from companion.music.units import RESOLUTION
from companion.tokenizer import Tokenizer, TokenType

BASS_PROGRAMS = range(32, 40)
PARTS = ("bass", "comping")
CHORD_NOTES = 1.5  # a part with at least this many simultaneous onsets on average counts as comping
WAYS = tuple((guide, steered) for guide in (True, False) for steered in (True, False))


@dataclass(slots=True)
class Share:
    """The number of notes in the chord and of all notes, for each window."""

    inside: list[float]
    notes: list[float]

    def figure(self) -> Figure | None:
        """The share with its interval."""
        return ratio(self.inside, self.notes)


def part_of(track: Track) -> str:
    """ "bass", "comping" or "other" (melodies, drums)."""
    if track.is_drum:
        return "other"
    if track.program in BASS_PROGRAMS:
        return "bass"
    notes = [note.onset_ticks for bar in track.bars for note in bar.notes]
    onsets = sum(len({note.onset_ticks for note in bar.notes}) for bar in track.bars)
    return "comping" if onsets and len(notes) / onsets >= CHORD_NOTES else "other"


def in_chord(bar: Bar, chords: Sequence[ChordSpan]) -> tuple[int, int]:
    """(notes in the chord at their onset, notes that have a chord). chords: those of this bar; onsets are in ticks at 480."""
    inside = total = 0
    for note in bar.notes:
        chord = _chord_at(chords, note.onset_ticks)
        if chord is not None:
            total += 1
            inside += note.pitch % 12 in chord.pitch_classes
    return inside, total


def _chord_at(chords: Sequence[ChordSpan], onset_ticks: float) -> ChordSymbol | None:
    sounding = [span.chord for span in chords if span.beat * RESOLUTION <= onset_ticks]
    return sounding[-1] if sounding else None


def written_share(player: Player, windows: Sequence[LiveWindow], seed: int, progress: Progress) -> dict[str, Any]:
    """part → source → share of notes in the chord. Sources: the four ways to write, the bar before, the music itself."""
    sums: dict[tuple[str, str], Share] = defaultdict(lambda: Share([], []))
    rests: dict[tuple[str, str], list[float]] = defaultdict(list)

    def add(part: str, source: str, bar: Bar, window: LiveWindow) -> None:
        inside, total = in_chord(bar, window.chords[window.bar])
        sums[part, source].inside.append(inside)
        sums[part, source].notes.append(total)
        rests[part, source].append(float(not bar.notes))

    for number, window in enumerate(counted(progress, "notes in the chord", windows)):
        cells = [cell for cell in window.targets if part_of(window.score.tracks[cell[0]]) in PARTS]
        for cell in cells:
            part = part_of(window.score.tracks[cell[0]])
            add(part, "the music itself", window.truth(cell), window)
            add(part, "copy of the bar before", window.score.tracks[cell[0]].bars[cell[1] - 1], window)
        for guide, steered in WAYS if cells else ():
            if guide and not player.reads_guides:
                continue
            written = _write(player, window, cells, guide, steered, seed + number)
            for cell in cells:
                add(part_of(window.score.tracks[cell[0]]), way_name(guide, steered), written[cell], window)
    return {
        part: {
            source: {**_row(share), "rests": float(np.mean(rests[of, source]))}
            for (of, source), share in sums.items()
            if of == part
        }
        for part in PARTS
    }


def way_name(guide: bool, steered: bool) -> str:
    """The name of a way to write in reports."""
    return f"{'with' if guide else 'without'} guide, steering {'on' if steered else 'off'}"


def _row(share: Share) -> dict[str, Any]:
    figure = share.figure()
    return {"share": None} if figure is None else {"share": figure.to_dict(), "notes": int(sum(share.notes))}


def _write(
    player: Player, window: LiveWindow, cells: Sequence[Cell], guide: bool, steered: bool, seed: int
) -> dict[Cell, Bar]:
    others = [cell for cell in window.targets if cell not in cells]
    known = KnownChords(window.chords[window.bar], window.guide[window.bar].notes if guide else None)
    return player.write(blank(window), cells, [*window.hidden, *others], seed, chords=known, steered=steered)


def forced_probability(
    model: Any, tokenizer: Tokenizer, windows: Sequence[LiveWindow], reads_guides: bool, progress: Progress
) -> dict[str, Any]:
    """part → "with guide" | "without guide" | "the music itself" → chord "changes" | "stays" → mean probability on
    the chord's pitch classes. model: a GPT2LMHeadModel."""
    sums: dict[tuple[str, str, str], Share] = defaultdict(lambda: Share([], []))
    for window in counted(progress, "probability on chord tones", windows):
        for cell in window.targets:
            part = part_of(window.score.tracks[cell[0]])
            if part not in PARTS:
                continue
            changes = "changes" if chord_changes(window) else "stays"
            inside, total = in_chord(window.truth(cell), window.chords[window.bar])
            _add(sums[part, "the music itself", changes], inside, total)
            for guide in (True, False) if reads_guides else (False,):
                found = _forced(model, tokenizer, window, cell, guide)
                if found is not None:
                    _add(sums[part, "with guide" if guide else "without guide", changes], *found)
    tables: dict[str, Any] = {part: {} for part in PARTS}
    for (part, source, changes), share in sums.items():
        tables[part].setdefault(source, {})[changes] = _row(share)["share"]
    return tables


def _add(share: Share, inside: float, total: float) -> None:
    share.inside.append(inside)
    share.notes.append(total)


def chord_changes(window: LiveWindow) -> bool:
    """Whether the bar to be written has other chords than the bar before."""
    before, now = ([span.chord for span in window.chords[bar]] for bar in (window.bar - 1, window.bar))
    return before != now


def _forced(model: Any, tokenizer: Tokenizer, window: LiveWindow, cell: Cell, guide: bool) -> tuple[float, int] | None:
    """(summed probability on chord tones, number of pitches) of one true bar; None if it does not fit the vocabulary or model."""
    import torch

    reading = _reading(tokenizer, window, cell, guide)
    if reading is None or len(reading[0]) > model.config.n_positions:
        return None
    ids, positions, fill = reading
    with torch.inference_mode():
        given = torch.from_numpy(ids)[None]
        # Without the mask of ones, transformers treats a gap in the positions as the start of another sequence.
        logits = model(
            input_ids=given,
            position_ids=torch.from_numpy(positions)[None],
            attention_mask=torch.ones_like(given),
            use_cache=False,
        ).logits[0]
    vocabulary = tokenizer.vocabulary
    base, size = vocabulary.domains[TokenType.NOTE_ONSET]
    onset_base, onsets = vocabulary.domains[TokenType.TIME_ABSOLUTE_POS]
    ticks = RESOLUTION / tokenizer.config.resolution
    classes = np.arange(size) % 12
    onset_ticks, total, count = 0.0, 0.0, 0
    for place in range(fill + 1, len(ids)):
        token = int(ids[place])
        if onset_base <= token < onset_base + onsets:
            onset_ticks = (token - onset_base) * ticks
        elif base <= token < base + size:
            chord = _chord_at(window.chords[window.bar], onset_ticks)
            if chord is not None:
                chances = torch.softmax(logits[place - 1, base : base + size].double(), -1).numpy()
                total += float(chances[np.isin(classes, list(chord.pitch_classes))].sum())
                count += 1
    return total, count


def _reading(
    tokenizer: Tokenizer, window: LiveWindow, cell: Cell, guide: bool
) -> tuple[np.ndarray, np.ndarray, int] | None:
    """ids, positions and the index of the FillInStart, for one true fill. The part comes last, followed only by the guide."""
    from companion.errors import TokenizerError

    order = [track for track in range(len(window.score.tracks)) if track != cell[0]] + [cell[0]]
    score, place = window.score.select_tracks(order), len(order) - 1
    hidden = {(order.index(track), bar) for track, bar in (*window.hidden, *window.targets) if track != cell[0]}
    levels: list[dict[str, int | None]] = [{} for _ in order]
    if guide:
        bars = tuple(bar if at == window.bar else replace(bar, notes=()) for at, bar in enumerate(window.guide))
        score = replace(score, tracks=(*score.tracks, Track(bars, GUIDE_PROGRAM)))
        levels.append(dict.fromkeys(tokenizer.config.attribute_names))
    try:
        encoded = tokenizer.encode(
            score,
            targets=[(place, window.bar)],
            hidden=hidden,
            mask_token=TokenType.MASK_BAR in tokenizer.vocabulary,
            attributes=levels,
            attributes_exclude={*hidden, (place, window.bar)},
            fills=True,
        )
    except TokenizerError:
        return None
    ids = np.array(encoded.ids, dtype=np.int64)
    kept = np.ones(len(ids), dtype=bool)
    for start, end in encoded.hidden_spans:
        kept[start:end] = False
    positions = np.flatnonzero(kept)
    fill = int(np.flatnonzero(ids[positions] == tokenizer.vocabulary.id(TokenType.FILL_IN_START))[0])
    return ids[positions], positions, fill
