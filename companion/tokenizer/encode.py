"""Music to token ids: whole windows, infill prompts with or without their fills, autoregressive prompts.

The encoder works bar by bar on the model's grid. It caches the bars that it has seen, so a window with one new bar costs one bar.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from companion.errors import TokenizerError
from companion.music.quantize import GridNote, GridRounding, clamp_to_end, grid_bar, settle
from companion.music.score import Bar, Score, Track
from companion.tokenizer.attribute_tokens import AttributeWriter, Levels, TrackMusic
from companion.tokenizer.note_tokens import CACHED_BARS, NoteWriter
from companion.tokenizer.token_types import TokenType
from companion.tokenizer.vocabulary import Vocabulary

Cell = tuple[int, int]  # (track, bar) within the window


@dataclass(frozen=True, slots=True)
class Style:
    """What is stated of a whole sequence, if the vocabulary has the tokens.

    genre: value of the Genre token; None to state none. velocity: False for music without loudness. microtiming: False for music
    strictly on the grid. Both need a vocabulary with the switch.
    """

    genre: int | None = None
    velocity: bool = True
    microtiming: bool = True


@dataclass(slots=True)
class Encoded:
    """Token ids of one window, and the places of its parts in them.

    hidden_spans: [start, end) of every hidden bar's shell (Bar TimeSig BarEnd); empty with mask_token. cell_spans:
    (track, bar) → [start, end) of that bar. targets: the cells to be written, in the order of their fills.
    track_order: the window track of every encoded track. attributes: the stated levels per encoded track.
    bar_attributes: the stated levels per cell, if there are any.
    """

    ids: list[int]
    hidden_spans: list[tuple[int, int]] = field(default_factory=list)
    cell_spans: dict[Cell, tuple[int, int]] = field(default_factory=dict)
    targets: list[Cell] = field(default_factory=list)
    track_order: list[int] = field(default_factory=list)
    attributes: list[dict[str, int]] = field(default_factory=list)
    bar_attributes: dict[Cell, dict[str, int]] = field(default_factory=dict)


@dataclass(slots=True)
class _Plan:
    """The caller's request, checked."""

    targets: frozenset[Cell]
    hidden: frozenset[Cell]
    mask_token: bool
    overrides: Sequence[Levels]
    bar_overrides: Mapping[Cell, Levels]
    vanishing: frozenset[Cell]  # cells whose notes must not affect the ids in any way
    excluded: Collection[Cell] | None
    style: Style

    @property
    def uncounted(self) -> frozenset[Cell]:
        """Cells whose notes do not count for the levels of tracks."""
        return self.vanishing if self.excluded is None else frozenset(self.excluded)


def _for_tracks(attributes: Sequence[Levels] | None, score: Score) -> Sequence[Levels]:
    return ({},) * len(score.tracks) if attributes is None else attributes


class Encoder:
    """Encodes windows for one vocabulary.

    rounding: NEAREST is correct; FLOOR reproduces midigpt bit for bit. legacy: state attributes as midigpt does.
    """

    def __init__(
        self, vocabulary: Vocabulary, rounding: GridRounding = GridRounding.NEAREST, *, legacy: bool = False
    ) -> None:
        self.vocabulary = vocabulary
        self.rounding = rounding
        self._deltas = TokenType.DELTA in vocabulary
        self._resolution = vocabulary.config.resolution
        self._attributes = AttributeWriter(vocabulary, legacy=legacy)
        self._notes = NoteWriter(vocabulary)
        self._grid_bar = lru_cache(maxsize=CACHED_BARS)(self._grid_bar_uncached)
        self._bar, self._bar_end = vocabulary.id(TokenType.BAR), vocabulary.id(TokenType.BAR_END)
        self._meter_ids = {meter: vocabulary.id(TokenType.TIME_SIG, i) for meter, i in vocabulary.meters.items()}

    # -- whole windows ------------------------------------------------------------------------------------------------

    def encode(
        self,
        score: Score,
        *,
        targets: Collection[Cell] = (),
        hidden: Collection[Cell] = (),
        mask_token: bool = False,
        attributes: Sequence[Levels] | None = None,
        bar_attributes: Mapping[Cell, Levels] | None = None,
        attributes_exclude: Collection[Cell] | None = None,
        fills: bool = False,
        style: Style | None = None,
    ) -> Encoded:
        """A window of exactly one of num_bars_map's lengths.

        targets: cells to be written. The ids end right after the first FillInStart. With `fills` (training) they also hold the
        targets' true notes as FillInStart … FillInEnd blocks. Without targets the result is the plain sequence.
        hidden: cells shown as empty shells (or MaskBar with `mask_token`). attributes: per track, levels that override the
        computed ones. None leaves an attribute out; levels of per-bar attributes apply to the track's targets. bar_attributes:
        the same for single cells. attributes_exclude: cells whose notes do not count for the computed levels of tracks. The
        default is all targets and hidden cells; with `fills`, only the hidden cells. style: see `Style`.
        Raises TokenizerError for music or requests that the vocabulary cannot express.
        """
        target_set = frozenset(targets)
        plan = _Plan(
            targets=target_set,
            hidden=frozenset(hidden) - target_set,
            mask_token=mask_token,
            overrides=_for_tracks(attributes, score),
            bar_overrides=bar_attributes or {},
            vanishing=frozenset(hidden) - target_set if fills else frozenset(hidden) | target_set,
            excluded=attributes_exclude,
            style=style or Style(),
        )
        self._check(score, plan, target_set)
        if target_set and TokenType.FILL_IN_START not in self.vocabulary:
            raise TokenizerError("this encoder has no fill-in tokens: bars cannot be infilled")
        result = Encoded(self._header(bool(target_set), score.bar_count, plan.style))
        music = self._music(score, plan)
        for index, track in enumerate(score.tracks):
            self._write_track(result, index, track, music[index], plan, len(track.bars))
            result.ids.append(self.vocabulary.id(TokenType.TRACK_END))
        result.targets = sorted(target_set)
        if target_set:
            self._write_fills(result, music, plan.style, fills)
        return result

    def encode_autoregressive(
        self,
        score: Score,
        track: int,
        first_bar: int = 0,
        *,
        hidden: Collection[Cell] = (),
        mask_token: bool = False,
        attributes: Sequence[Levels] | None = None,
        bar_attributes: Mapping[Cell, Levels] | None = None,
        attributes_exclude: Collection[Cell] | None = None,
        style: Style | None = None,
    ) -> Encoded:
        """A prompt after which the model writes bars first_bar.. of one track, to the end of the window.

        That track is moved to the end. With first_bar 0 the ids end after its Instrument, and the model also writes the
        attributes. Otherwise they end after the BarEnd of bar first_bar − 1.
        """
        if not 0 <= track < len(score.tracks) or not 0 <= first_bar < score.bar_count:
            raise TokenizerError(f"track {track}, bar {first_bar} is not in the window")
        targets = frozenset((track, bar) for bar in range(first_bar, score.bar_count))
        plan = _Plan(
            targets=frozenset(),
            hidden=frozenset(hidden) - targets,
            mask_token=mask_token,
            overrides=_for_tracks(attributes, score),
            bar_overrides=bar_attributes or {},
            vanishing=frozenset(hidden) | targets,
            excluded=attributes_exclude,
            style=style or Style(),
        )
        self._check(score, plan, targets)
        result = Encoded(self._header(False, score.bar_count, plan.style), targets=sorted(targets))
        music = self._music(score, plan)
        for index in (*(i for i in range(len(score.tracks)) if i != track), track):
            bars = first_bar if index == track else score.bar_count
            self._write_track(result, index, score.tracks[index], music[index], plan, bars)
            if index != track:
                result.ids.append(self.vocabulary.id(TokenType.TRACK_END))
        return result

    def fill_tokens(self, bar: Bar, resolution: int, is_drum: bool) -> tuple[int, ...]:
        """The ids that write a bar's notes in a fill. Notes that round to the next bar line are put on the bar's last tick."""
        notes, carried = self._grid_bar(bar, resolution)
        length = bar.length_ticks(self._resolution)
        return self._notes.write((*notes, *clamp_to_end(list(carried), length)) if carried else notes, is_drum)

    # -- parts --------------------------------------------------------------------------------------------------------

    def _check(self, score: Score, plan: _Plan, targets: frozenset[Cell]) -> None:
        bars = score.bar_count
        self.vocabulary.num_bars_index(bars)
        if any(len(track.bars) != bars for track in score.tracks):
            raise TokenizerError(f"all tracks of a window need {bars} bars, got {[len(t.bars) for t in score.tracks]}")
        for cell in targets | plan.hidden:
            if not (0 <= cell[0] < len(score.tracks) and 0 <= cell[1] < bars):
                raise TokenizerError(f"track {cell[0]}, bar {cell[1]} is not in the window")
        if plan.mask_token and TokenType.MASK_BAR not in self.vocabulary:
            raise TokenizerError("this encoder has no MaskBar token")
        if len(plan.overrides) != len(score.tracks):
            raise TokenizerError(
                f"attributes for {len(plan.overrides)} tracks given, the window has {len(score.tracks)}"
            )

    def _header(self, infill: bool, bars: int, style: Style) -> list[int]:
        vocab = self.vocabulary
        ids = [vocab.id(TokenType.PIECE_START, int(infill))]
        switches = ((TokenType.USE_VELOCITY, style.velocity), (TokenType.USE_MICROTIMING, style.microtiming))
        ids += [vocab.id(token_type, int(on)) for token_type, on in switches if token_type in vocab]
        if style.genre is not None and TokenType.GENRE in vocab:
            ids.append(vocab.id(TokenType.GENRE, style.genre))
        ids.append(vocab.id(TokenType.NUM_BARS, vocab.num_bars_index(bars)))
        return ids

    def _music(self, score: Score, plan: _Plan) -> list[TrackMusic]:
        """Every track on the model's grid, with its counted bars for attributes."""
        rows_of = [self._grid_rows(track, score.resolution, i, plan) for i, track in enumerate(score.tracks)]
        uncounted = plan.uncounted
        counted_of = [
            [() if (index, number) in uncounted else row for number, row in enumerate(rows)]
            for index, rows in enumerate(rows_of)
        ]
        key = self._attributes.key(counted_of, bool(uncounted)) if self._attributes.needs_key else None
        return [
            TrackMusic(
                track.is_drum,
                rows_of[index],
                counted_of[index],
                [bar.length_ticks(self._resolution) for bar in track.bars],
                any(cell[0] == index for cell in uncounted),
                key,
            )
            for index, track in enumerate(score.tracks)
        ]

    def _grid_rows(self, track: Track, resolution: int, index: int, plan: _Plan) -> list[tuple[GridNote, ...]]:
        """Every bar's notes on the model grid. Notes that a vanishing bar would pass on to the next one vanish with it."""
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

    def _write_track(self, out: Encoded, index: int, track: Track, music: TrackMusic, plan: _Plan, bars: int) -> None:
        vocab, ids, style = self.vocabulary, out.ids, plan.style
        program = track.program if 0 <= track.program < 128 else 0
        ids.append(vocab.id(TokenType.TRACK, int(track.is_drum)))
        ids.append(vocab.id(TokenType.INSTRUMENT, vocab.instrument_classes[program]))
        out.track_order.append(index)
        if not bars:
            out.attributes.append({})
            return
        stated = self._attributes.track(music, plan.overrides[index])
        ids += stated.ids
        out.attributes.append(stated.levels)
        fill_in = (vocab.id(TokenType.FILL_IN_PLACEHOLDER),) if plan.targets else ()
        hidden_body = (vocab.id(TokenType.MASK_BAR),) if plan.mask_token else ()
        left_out = {name: level for name, level in plan.overrides[index].items() if level is None}
        for number in range(bars):
            cell, start = (index, number), len(ids)
            is_target = cell in plan.targets
            own = plan.overrides[index] if is_target else left_out
            wanted = {**own, **plan.bar_overrides.get(cell, {})}
            typical = stated.typical if is_target and cell in plan.vanishing else None
            ids.append(self._bar)
            bar_ids, levels = self._attributes.bar(music, number, typical, wanted, cell not in plan.hidden)
            ids += bar_ids
            if levels:
                out.bar_attributes[cell] = levels
            ids.append(self._meter_id(track.bars[number]))
            if is_target:
                ids += fill_in
            elif cell in plan.hidden:
                ids += hidden_body
            else:
                ids += self._notes.write(music.rows[number], track.is_drum, style.velocity, style.microtiming)
            ids.append(self._bar_end)
            out.cell_spans[cell] = (start, len(ids))
            if cell in plan.hidden and not plan.mask_token:
                out.hidden_spans.append((start, len(ids)))

    def _write_fills(self, out: Encoded, music: Sequence[TrackMusic], style: Style, fills: bool) -> None:
        start, end = self.vocabulary.id(TokenType.FILL_IN_START), self.vocabulary.id(TokenType.FILL_IN_END)
        if not fills:
            out.ids.append(start)
            return
        for track, bar in out.targets:
            notes = self._notes.write(music[track].rows[bar], music[track].is_drum, style.velocity, style.microtiming)
            out.ids += (start, *notes, end)

    def _meter_id(self, bar: Bar) -> int:
        found = self._meter_ids.get(bar.time_signature)
        return self.vocabulary.meter_index(bar.time_signature) if found is None else found

    def _grid_bar_uncached(self, bar: Bar, resolution: int) -> tuple[tuple[GridNote, ...], tuple[GridNote, ...]]:
        notes, carried = grid_bar(bar, resolution, self._resolution, keep_deltas=self._deltas, rounding=self.rounding)
        return tuple(notes), tuple(carried)
