"""Music to token ids: whole windows, infill prompts with or without their fills, autoregressive prompts.

Works bar by bar on the model's grid and remembers bars it has seen, so that a window with one new bar costs one bar.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import itemgetter

from companion.errors import TokenizerError
from companion.music.quantize import GridNote, GridRounding, clamp_to_end, grid_bar, settle
from companion.music.score import Bar, Score, Track
from companion.tokenizer import attributes as attribute_levels
from companion.tokenizer.token_types import TRACK_ATTRIBUTE_ORDER, TokenType
from companion.tokenizer.vocabulary import Vocabulary

Cell = tuple[int, int]  # (track, bar) within the window
_BY_ONSET_AND_PITCH = itemgetter(0, 2)
_CACHED_BARS = 8192


@dataclass(slots=True)
class Encoded:
    """Token ids of one window and where its parts stand in them.

    hidden_spans: [start, end) of every hidden bar's shell (Bar TimeSig BarEnd), empty with mask_token. cell_spans:
    (track, bar) → [start, end) of that bar. targets: the cells to be written, in the order of their fills.
    track_order: window track of every encoded track. attributes: levels written, per encoded track.
    """

    ids: list[int]
    hidden_spans: list[tuple[int, int]] = field(default_factory=list)
    cell_spans: dict[Cell, tuple[int, int]] = field(default_factory=dict)
    targets: list[Cell] = field(default_factory=list)
    track_order: list[int] = field(default_factory=list)
    attributes: list[dict[str, int]] = field(default_factory=list)


@dataclass(slots=True)
class _Plan:
    """What the caller asked for, checked."""

    targets: frozenset[Cell]
    hidden: frozenset[Cell]
    mask_token: bool
    overrides: Sequence[Mapping[str, int | None]]
    uncounted: frozenset[Cell]
    vanishing: frozenset[Cell]  # cells whose notes must not reach the ids in any way


class Encoder:
    """Encodes windows for one vocabulary.

    rounding: NEAREST is right; FLOOR repeats midigpt bit for bit.
    """

    def __init__(self, vocabulary: Vocabulary, rounding: GridRounding = GridRounding.NEAREST) -> None:
        self.vocabulary = vocabulary
        self.rounding = rounding
        self._deltas = TokenType.DELTA in vocabulary
        self._resolution = vocabulary.config.resolution
        self._attributes = sorted(
            (spec for spec in vocabulary.config.attributes if spec.name in attribute_levels.SPECS),
            key=lambda spec: TRACK_ATTRIBUTE_ORDER.index(spec.token_type),
        )
        self._grid_bar = lru_cache(maxsize=_CACHED_BARS)(self._grid_bar_uncached)
        self._bar_tokens = lru_cache(maxsize=_CACHED_BARS)(self._bar_tokens_uncached)
        vocab = vocabulary
        self._bar, self._bar_end = vocab.id(TokenType.BAR), vocab.id(TokenType.BAR_END)
        self._meter_ids = {meter: vocab.id(TokenType.TIME_SIG, i) for meter, i in vocab.meters.items()}
        self._position_base, self._positions = vocab.domains[TokenType.TIME_ABSOLUTE_POS]
        self._pitch_base, self._pitches = vocab.domains[TokenType.NOTE_ONSET]
        self._duration_base, self._durations = vocab.domains[TokenType.NOTE_DURATION]
        self._velocity_base = vocab.domains[TokenType.VELOCITY_LEVEL][0]

    # -- whole windows ------------------------------------------------------------------------------------------------

    def encode(
        self,
        score: Score,
        *,
        targets: Collection[Cell] = (),
        hidden: Collection[Cell] = (),
        mask_token: bool = False,
        attributes: Sequence[Mapping[str, int | None]] | None = None,
        attributes_exclude: Collection[Cell] | None = None,
        fills: bool = False,
    ) -> Encoded:
        """A window of exactly one of num_bars_map's lengths.

        targets: cells to be written; the ids end right after the first FillInStart, or with `fills` hold the targets'
        true notes as FillInStart … FillInEnd blocks (training). Without targets: the plain sequence.
        hidden: cells shown as empty shells (or MaskBar with `mask_token`). attributes: per track, levels that override the
        computed ones; None leaves that attribute out. attributes_exclude: cells whose notes do not count for the computed
        levels; by default all targets and hidden cells, or with `fills` the hidden ones only.
        Raises TokenizerError for music or requests the vocabulary cannot express.
        """
        target_set = frozenset(targets)
        plan = self._plan(score, target_set, hidden, mask_token, attributes, attributes_exclude, fills)
        if target_set and TokenType.FILL_IN_START not in self.vocabulary:
            raise TokenizerError("this encoder has no fill-in tokens: bars cannot be infilled")
        result = Encoded(self._header(bool(target_set), score.bar_count))
        rows_of: dict[int, list[tuple[GridNote, ...]]] = {}
        for index, track in enumerate(score.tracks):
            rows_of[index] = self._grid_rows(track, score.resolution, index, plan)
            self._write_track(result, index, track, rows_of[index], plan, len(track.bars))
            result.ids.append(self.vocabulary.id(TokenType.TRACK_END))
        result.targets = sorted(target_set)
        if target_set:
            self._write_fills(result, score, rows_of, fills)
        return result

    def encode_autoregressive(
        self,
        score: Score,
        track: int,
        first_bar: int = 0,
        *,
        hidden: Collection[Cell] = (),
        mask_token: bool = False,
        attributes: Sequence[Mapping[str, int | None]] | None = None,
        attributes_exclude: Collection[Cell] | None = None,
    ) -> Encoded:
        """A prompt after which the model writes bars first_bar.. of one track, to the end of the window.

        That track is moved to the end. With first_bar 0 the ids end after its Instrument (the model writes the attributes,
        too); otherwise after the BarEnd of bar first_bar − 1.
        """
        if not 0 <= track < len(score.tracks) or not 0 <= first_bar < score.bar_count:
            raise TokenizerError(f"track {track}, bar {first_bar} is not in the window")
        targets = frozenset((track, bar) for bar in range(first_bar, score.bar_count))
        plan = self._plan(score, targets, hidden, mask_token, attributes, attributes_exclude, False)
        plan.targets = frozenset()
        result = Encoded(self._header(False, score.bar_count), targets=sorted(targets))
        for index in (*(i for i in range(len(score.tracks)) if i != track), track):
            rows = self._grid_rows(score.tracks[index], score.resolution, index, plan)
            bars = first_bar if index == track else len(rows)
            self._write_track(result, index, score.tracks[index], rows, plan, bars)
            if index != track:
                result.ids.append(self.vocabulary.id(TokenType.TRACK_END))
        return result

    def fill_tokens(self, bar: Bar, resolution: int, is_drum: bool) -> tuple[int, ...]:
        """The ids that write a bar's notes in a fill. Notes that round onto the next bar line stand on its last tick."""
        notes, carried = self._grid_bar(bar, resolution)
        length = bar.length_ticks(self._resolution)
        return self._bar_tokens((*notes, *clamp_to_end(list(carried), length)) if carried else notes, is_drum)

    # -- parts --------------------------------------------------------------------------------------------------------

    def _plan(
        self,
        score: Score,
        targets: frozenset[Cell],
        hidden: Collection[Cell],
        mask_token: bool,
        attributes: Sequence[Mapping[str, int | None]] | None,
        exclude: Collection[Cell] | None,
        fills: bool,
    ) -> _Plan:
        bars = score.bar_count
        self.vocabulary.num_bars_index(bars)
        if any(len(track.bars) != bars for track in score.tracks):
            raise TokenizerError(f"all tracks of a window need {bars} bars, got {[len(t.bars) for t in score.tracks]}")
        hidden_set = frozenset(hidden) - targets
        for cell in targets | hidden_set:
            if not (0 <= cell[0] < len(score.tracks) and 0 <= cell[1] < bars):
                raise TokenizerError(f"track {cell[0]}, bar {cell[1]} is not in the window")
        if mask_token and TokenType.MASK_BAR not in self.vocabulary:
            raise TokenizerError("this encoder has no MaskBar token")
        if attributes is not None and len(attributes) != len(score.tracks):
            raise TokenizerError(f"attributes for {len(attributes)} tracks given, the window has {len(score.tracks)}")
        vanishing = hidden_set if fills else hidden_set | targets
        uncounted = vanishing if exclude is None else frozenset(exclude)
        return _Plan(targets, hidden_set, mask_token, attributes or ({},) * len(score.tracks), uncounted, vanishing)

    def _header(self, infill: bool, bars: int) -> list[int]:
        vocab = self.vocabulary
        ids = [vocab.id(TokenType.PIECE_START, int(infill))]
        ids += [vocab.id(t, 1) for t in (TokenType.USE_VELOCITY, TokenType.USE_MICROTIMING) if t in vocab]
        ids.append(vocab.id(TokenType.NUM_BARS, vocab.num_bars_index(bars)))
        return ids

    def _grid_rows(self, track: Track, resolution: int, index: int, plan: _Plan) -> list[tuple[GridNote, ...]]:
        """Every bar's notes on the model grid. What a vanishing bar would hand to the next one vanishes with it."""
        rows: list[tuple[GridNote, ...]] = []
        arriving: list[GridNote] = []
        for number, bar in enumerate(track.bars):
            notes, carried = self._grid_bar(bar, resolution)
            if arriving:
                length = bar.length_ticks(self._resolution)
                settled, arriving = settle(arriving, notes, length)
                notes = tuple(settled)
            rows.append(notes)
            if carried and (index, number) not in plan.vanishing:
                arriving = [*arriving, *carried]
        if arriving:
            rows[-1] = (*rows[-1], *clamp_to_end(arriving, track.bars[-1].length_ticks(self._resolution)))
        return rows

    def _write_track(
        self, out: Encoded, index: int, track: Track, rows: list[tuple[GridNote, ...]], plan: _Plan, bars: int
    ) -> None:
        vocab, ids = self.vocabulary, out.ids
        program = track.program if 0 <= track.program < 128 else 0
        ids.append(vocab.id(TokenType.TRACK, int(track.is_drum)))
        ids.append(vocab.id(TokenType.INSTRUMENT, vocab.instrument_classes[program]))
        out.track_order.append(index)
        out.attributes.append(self._write_attributes(ids, index, track, rows, plan) if bars else {})
        fill_in = (vocab.id(TokenType.FILL_IN_PLACEHOLDER),) if plan.targets else ()
        hidden_body = (vocab.id(TokenType.MASK_BAR),) if plan.mask_token else ()
        for number in range(bars):
            cell, start = (index, number), len(ids)
            ids.append(self._bar)
            ids.append(self._meter_id(track.bars[number]))
            if cell in plan.targets:
                ids += fill_in
            elif cell in plan.hidden:
                ids += hidden_body
            else:
                ids += self._bar_tokens(rows[number], track.is_drum)
            ids.append(self._bar_end)
            out.cell_spans[cell] = (start, len(ids))
            if cell in plan.hidden and not plan.mask_token:
                out.hidden_spans.append((start, len(ids)))

    def _write_attributes(
        self, ids: list[int], index: int, track: Track, rows: list[tuple[GridNote, ...]], plan: _Plan
    ) -> dict[str, int]:
        """Computed levels under the caller's. A track with nothing left to compute from gets only the caller's."""
        override = plan.overrides[index]
        counted = [() if (index, number) in plan.uncounted else row for number, row in enumerate(rows)]
        known: dict[str, int] = {}
        if any(counted) or not any(cell[0] == index for cell in plan.uncounted):
            lengths = [bar.length_ticks(self._resolution) for bar in track.bars]
            known = attribute_levels.compute_rows(counted, lengths, self._resolution, track.is_drum)
        values = attribute_levels.reconcile(known, override)
        written: dict[str, int] = {}
        for spec in self._attributes:
            level = values.get(spec.name)
            if level is not None and spec.applies_to(track.is_drum):
                ids.append(self.vocabulary.id(spec.token_type, level))
                written[spec.name] = level
        return written

    def _write_fills(
        self, out: Encoded, score: Score, rows_of: dict[int, list[tuple[GridNote, ...]]], fills: bool
    ) -> None:
        start, end = self.vocabulary.id(TokenType.FILL_IN_START), self.vocabulary.id(TokenType.FILL_IN_END)
        if not fills:
            out.ids.append(start)
            return
        for track, bar in out.targets:
            out.ids += (start, *self._bar_tokens(rows_of[track][bar], score.tracks[track].is_drum), end)

    def _meter_id(self, bar: Bar) -> int:
        found = self._meter_ids.get(bar.time_signature)
        return self.vocabulary.meter_index(bar.time_signature) if found is None else found

    def _grid_bar_uncached(self, bar: Bar, resolution: int) -> tuple[tuple[GridNote, ...], tuple[GridNote, ...]]:
        notes, carried = grid_bar(bar, resolution, self._resolution, keep_deltas=self._deltas, rounding=self.rounding)
        return tuple(notes), tuple(carried)

    def _bar_tokens_uncached(self, notes: tuple[GridNote, ...], is_drum: bool) -> tuple[int, ...]:
        """The tokens of a bar's or fill's notes: positions and pitches ascending, velocity when it changes."""
        ids: list[int] = []
        level_of = self.vocabulary.velocity_levels
        sticky = self.vocabulary.config.velocity_sticky
        position, level = 0, 0
        for onset, duration, pitch, velocity, delta in sorted(notes, key=_BY_ONSET_AND_PITCH):
            onset = min(max(onset, 0), self._positions - 1)
            if onset != position:
                ids.append(self._position_base + onset)
                position = onset
            new_level = level_of[min(max(velocity, 0), 127)]
            if new_level and (new_level != level or not sticky):
                ids.append(self._velocity_base + new_level)
                level = new_level
            if delta and self._deltas:
                ids += self._delta_tokens(delta)
            ids.append(self._pitch_base + min(max(pitch, 0), self._pitches - 1))
            if not is_drum:
                ids.append(self._duration_base + min(max(duration, 1), self._durations) - 1)
        return tuple(ids)

    def _delta_tokens(self, delta: int) -> tuple[int, ...]:
        first, size = self.vocabulary.domains[TokenType.DELTA]
        size_token = first + min(abs(delta), size - 1)
        return (size_token,) if delta > 0 else (self.vocabulary.id(TokenType.DELTA_DIRECTION, 0), size_token)
