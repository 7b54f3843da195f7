"""The grammar: which tokens may come next while a model writes fills or the bars of a track.

It consists of a table over token types and the rules of position and length. It works on ids alone and knows nothing of models.
Legal sets are cached boolean masks, so each query costs a dictionary look-up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

import numpy as np
from numpy.typing import NDArray

from companion.errors import TokenizerError
from companion.music.meter import TimeSignature
from companion.tokenizer.token_types import ATTRIBUTES, BAR_ATTRIBUTE_ORDER, TRACK_ATTRIBUTE_ORDER, TokenType
from companion.tokenizer.vocabulary import Vocabulary

_T = TokenType
_NOTE_START = (_T.VELOCITY_LEVEL, _T.NOTE_ONSET, _T.DELTA_DIRECTION, _T.DELTA)
_CONTENT = (_T.TIME_ABSOLUTE_POS, *_NOTE_START)
_TRACK_HEAD = (*TRACK_ATTRIBUTE_ORDER, _T.BAR)

# Each token type, and the types that may follow it. `_may_end` adds the ends of bars and fills. `_allowed_types` removes whatever
# the remaining bars, fills, positions and limits forbid.
_AFTER: dict[TokenType, tuple[TokenType, ...]] = {
    _T.FILL_IN_START: _CONTENT,
    _T.TIME_ABSOLUTE_POS: _NOTE_START,
    _T.VELOCITY_LEVEL: (_T.NOTE_ONSET, _T.DELTA_DIRECTION, _T.DELTA),
    _T.DELTA_DIRECTION: (_T.DELTA,),
    _T.DELTA: (_T.NOTE_ONSET,),
    _T.NOTE_ONSET: _CONTENT,  # for a drum; a melodic note needs its duration first
    _T.NOTE_DURATION: _CONTENT,
    _T.FILL_IN_END: (_T.FILL_IN_START,),
    _T.INSTRUMENT: _TRACK_HEAD,
    # each attribute at most once, in the order in which training states them
    **{name: (*TRACK_ATTRIBUTE_ORDER[place:], _T.BAR) for place, name in enumerate(TRACK_ATTRIBUTE_ORDER, start=1)},
    _T.BAR: (*BAR_ATTRIBUTE_ORDER, _T.TIME_SIG),
    **{name: (*BAR_ATTRIBUTE_ORDER[place:], _T.TIME_SIG) for place, name in enumerate(BAR_ATTRIBUTE_ORDER, start=1)},
    _T.TIME_SIG: _CONTENT,
    _T.BAR_END: (_T.BAR,),
    _T.TRACK_END: (),
}
# midigpt's rows where ours are stricter. midigpt allows bars without a meter, bars marked as hidden, fills that continue into a
# bar end, and repeated track attributes in any order. It allows no rests.
_MIDIGPT_AFTER: dict[TokenType, tuple[TokenType, ...]] = {
    _T.BAR: (_T.TIME_SIG, *BAR_ATTRIBUTE_ORDER, _T.MASK_BAR, *_CONTENT),
    **dict.fromkeys(BAR_ATTRIBUTE_ORDER, (_T.TIME_SIG, *BAR_ATTRIBUTE_ORDER, _T.MASK_BAR, *_CONTENT)),
    _T.TIME_SIG: (_T.BAR_PITCH_CLASS_SET, _T.BAR_TENSION, _T.MASK_BAR, *_CONTENT),
    _T.MASK_BAR: (_T.BAR_END,),
    _T.FILL_IN_END: (_T.FILL_IN_START, _T.BAR_END),
    _T.INSTRUMENT: (*_TRACK_HEAD, _T.BAR_ONSET_POLYPHONY_MAX),
    **dict.fromkeys(TRACK_ATTRIBUTE_ORDER, (*_TRACK_HEAD, _T.BAR_ONSET_POLYPHONY_MAX)),
}
_CAN_END_AFTER = frozenset((_T.TIME_ABSOLUTE_POS, _T.NOTE_ONSET, _T.NOTE_DURATION))
_RESTS_END_AFTER = frozenset((_T.FILL_IN_START, _T.TIME_SIG))
_COUNT_RESETS = frozenset((_T.BAR, _T.BAR_END, _T.FILL_IN_START))
_MOST_CACHED_MASKS = 8192

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class WrittenBar:
    """A bar to be written: its track's kind and its own meter.

    levels: per-bar attributes that the model must state as given, if it states them at all (autoregressive bars). velocity,
    microtiming: False if the sequence states that it has none.
    """

    is_drum: bool
    meter: TimeSignature = TimeSignature(4, 4)
    levels: tuple[tuple[TokenType, int], ...] = ()
    velocity: bool = True
    microtiming: bool = True


@dataclass(frozen=True, slots=True)
class _Rules:
    """The constants of one step. bar_ticks: model ticks of every bar."""

    bars: tuple[WrittenBar, ...]
    bar_ticks: tuple[int, ...]
    infill: bool
    allow_rests: bool
    polyphony_limit: int
    density_limit: int
    pinned: tuple[tuple[TokenType, int], ...]


class Grammar:
    """The table for one vocabulary, and the cache of its masks. All states made from it share both.

    legacy=True reproduces midigpt's looser table, for comparisons only.
    """

    def __init__(self, vocabulary: Vocabulary, *, legacy: bool = False) -> None:
        self.vocabulary = vocabulary
        self.legacy = legacy
        self._bit = {token_type: 1 << index for index, token_type in enumerate(vocabulary.domains)}
        table = {**_AFTER, **_MIDIGPT_AFTER} if legacy else _AFTER
        self._after = {after: self._bits(types) for after, types in table.items()}
        self._note_start, self._content = self._bits(_NOTE_START), self._bits(_CONTENT)
        self._fill_end, self._bar_end = self._bits((_T.FILL_IN_END,)), self._bits((_T.BAR_END,))
        self._note_duration, self._track_end = self._bits((_T.NOTE_DURATION,)), self._bits((_T.TRACK_END,))
        self._bar, self._fill_start = self._bits((_T.BAR,)), self._bits((_T.FILL_IN_START,))
        self._position = self._bits((_T.TIME_ABSOLUTE_POS,))
        self._velocity, self._microtiming = self._bits((_T.VELOCITY_LEVEL,)), self._bits((_T.DELTA_DIRECTION, _T.DELTA))
        # Attributes that only the other kind of track has, indexed as [melodic, drum].
        self._foreign = [
            self._bits([spec.token_type for spec in ATTRIBUTES.values() if not spec.applies_to(is_drum)])
            for is_drum in (False, True)
        ]
        self._masks: dict[tuple[object, ...], tuple[Mask, int | None]] = {}

    def _bits(self, types: Sequence[TokenType]) -> int:
        return reduce(or_, (self._bit.get(token_type, 0) for token_type in types), 0)

    def start_infill(
        self,
        targets: Sequence[WrittenBar],
        *,
        allow_rests: bool = True,
        polyphony_hard_limit: int = 0,
        density_hard_limit: int = 0,
    ) -> GrammarState:
        """The state right after the prompt's FillInStart. `targets` are in the order of their fills.

        allow_rests: a fill may be empty. polyphony_hard_limit: most notes per onset. density_hard_limit: most notes per bar.
        For both limits, 0 means no limit.
        """
        if not targets or not self._fill_start:
            raise TokenizerError("nothing to infill: no targets, or no fill-in tokens in the vocabulary")
        rules = _Rules(
            tuple(targets), self._bar_ticks(targets), True, allow_rests, polyphony_hard_limit, density_hard_limit, ()
        )
        return GrammarState(self, rules, _T.FILL_IN_START)

    def start_autoregressive(
        self,
        bars: Sequence[WrittenBar],
        *,
        whole_track: bool,
        attributes: Mapping[TokenType, int] | None = None,
        allow_rests: bool = True,
        polyphony_hard_limit: int = 0,
        density_hard_limit: int = 0,
    ) -> GrammarState:
        """The state after a prompt of `Encoder.encode_autoregressive`. `bars` are those to be written, with their meters.

        whole_track: the prompt ends after Instrument, and the model may write attributes. `attributes` are the only levels that
        it may then state for them.
        """
        if not bars:
            raise TokenizerError("nothing to write: no bars")
        pinned = tuple((attributes or {}).items())
        rules = _Rules(
            tuple(bars), self._bar_ticks(bars), False, allow_rests, polyphony_hard_limit, density_hard_limit, pinned
        )
        return GrammarState(self, rules, _T.INSTRUMENT if whole_track else _T.BAR_END, bar_index=-1)

    def _bar_ticks(self, bars: Sequence[WrittenBar]) -> tuple[int, ...]:
        return tuple(bar.meter.bar_ticks(self.vocabulary.config.resolution) for bar in bars)

    def mask(
        self, bits: int, positions: tuple[int, int], meter: TimeSignature, pinned: tuple[tuple[TokenType, int], ...]
    ) -> tuple[Mask, int | None]:
        """Mask over the vocabulary, and the only legal id if there is just one.

        bits: allowed types. positions: first and end (exclusive) of the TimeAbsolutePos values. meter: the only allowed TimeSig.
        """
        if not bits & self._position:
            positions = (0, 0)
        key = (bits, positions, meter, pinned)
        found = self._masks.get(key)
        if found is None:
            if len(self._masks) >= _MOST_CACHED_MASKS:
                self._masks.clear()
            found = self._masks[key] = self._build_mask(bits, positions, meter, dict(pinned))
        return found

    def _build_mask(
        self, bits: int, positions: tuple[int, int], meter: TimeSignature, pinned: Mapping[TokenType, int]
    ) -> tuple[Mask, int | None]:
        mask = np.zeros(self.vocabulary.size, dtype=np.bool_)
        for token_type, (first, size) in self.vocabulary.domains.items():
            if not bits & self._bit[token_type]:
                continue
            low, high = 0, size
            if token_type is _T.TIME_ABSOLUTE_POS:
                low, high = positions[0], min(positions[1], size)
            elif token_type is _T.TIME_SIG and not self.legacy:
                low = self.vocabulary.meter_index(meter)
                high = low + 1
            elif token_type in pinned:
                low, high = pinned[token_type], pinned[token_type] + 1
            mask[first + low : first + max(low, high)] = True
        mask.flags.writeable = False
        legal = np.flatnonzero(mask)
        return mask, int(legal[0]) if len(legal) == 1 else None


class GrammarState:
    """The position in the writing of one step. `advance` takes a token; `clone` makes an independent copy."""

    __slots__ = (
        "_found",
        "_grammar",
        "_rules",
        "bar_index",
        "bar_notes",
        "done",
        "last",
        "last_position",
        "position_notes",
    )

    def __init__(self, grammar: Grammar, rules: _Rules, last: TokenType, bar_index: int = 0) -> None:
        self._grammar, self._rules = grammar, rules
        self.last = last
        self.bar_index = bar_index  # index of the bar being written, among those to be written
        self.last_position = -1
        self.bar_notes = self.position_notes = 0
        self.done = False
        self._found: tuple[Mask, int | None] | None = None

    def clone(self) -> GrammarState:
        """An independent state at the same point."""
        copy = GrammarState(self._grammar, self._rules, self.last, self.bar_index)
        copy.last_position, copy.bar_notes, copy.position_notes = (
            self.last_position,
            self.bar_notes,
            self.position_notes,
        )
        copy.done = self.done
        return copy

    @property
    def current_bar(self) -> WrittenBar:
        """The bar being written; before the first token, the first bar."""
        return self._rules.bars[max(self.bar_index, 0)]

    @property
    def may_rest(self) -> bool:
        """Whether the bar may end here without a note."""
        return not self.bar_notes and self._rules.allow_rests and self.last in _RESTS_END_AFTER

    def legal(self) -> Mask:
        """The ids that may come next, as a read-only boolean array over the vocabulary; all False when done."""
        return self._mask()[0]

    def forced(self) -> int | None:
        """The only legal id; None when there is a choice or nothing left to write."""
        return self._mask()[1]

    def legal_ranges(self) -> list[tuple[int, int]]:
        """The legal ids as [first, end) ranges."""
        edges = np.flatnonzero(np.diff(np.concatenate(([0], self.legal().astype(np.int8), [0]))))
        return [(int(first), int(end)) for first, end in edges.reshape(-1, 2)]

    def _mask(self) -> tuple[Mask, int | None]:
        if self._found is None:
            rules = self._rules
            bar = self.current_bar
            positions = (self.last_position + 1, rules.bar_ticks[max(self.bar_index, 0)])
            pinned = rules.pinned + bar.levels
            self._found = self._grammar.mask(self._allowed_types(), positions, bar.meter, pinned)
        return self._found

    def _allowed_types(self) -> int:
        """The table's row without the types that the remaining bars and the limits forbid."""
        grammar, rules = self._grammar, self._rules
        if self.done and not grammar.legacy:
            return 0
        if self.last is _T.NOTE_ONSET and not self.current_bar.is_drum:
            return grammar._note_duration
        allowed = grammar._after.get(self.last, 0)
        if grammar.legacy and self.last is _T.FILL_IN_END:
            return allowed
        if self.bar_index + 1 >= len(rules.bars):  # the last bar is open or written
            allowed &= ~(grammar._bar | grammar._fill_start)
            if self.last is _T.BAR_END:
                allowed |= grammar._track_end
        if not grammar.legacy:
            allowed &= ~self._unwanted()
        if self._may_end():
            allowed |= grammar._fill_end if rules.infill else grammar._bar_end
        if rules.density_limit and self.bar_notes >= rules.density_limit:
            allowed &= ~grammar._content
        elif rules.polyphony_limit and self.position_notes >= rules.polyphony_limit:
            allowed &= ~grammar._note_start
        return allowed

    def _unwanted(self) -> int:
        """Types that this bar must not have; after Bar, also all types that would skip a level which it must state."""
        grammar, bar = self._grammar, self.current_bar
        unwanted = grammar._foreign[bar.is_drum]
        unwanted |= 0 if bar.velocity else grammar._velocity
        unwanted |= 0 if bar.microtiming else grammar._microtiming
        if bar.levels and (self.last is _T.BAR or self.last in BAR_ATTRIBUTE_ORDER):
            done = BAR_ATTRIBUTE_ORDER.index(self.last) + 1 if self.last is not _T.BAR else 0
            due = [
                place for place, name in enumerate(BAR_ATTRIBUTE_ORDER) if place >= done and name in dict(bar.levels)
            ]
            if due:
                unwanted |= grammar._bits((*BAR_ATTRIBUTE_ORDER[due[0] + 1 :], _T.TIME_SIG))
        return unwanted

    def _may_end(self) -> bool:
        if self.bar_notes:
            return self.last in _CAN_END_AFTER
        return self.may_rest

    def advance(self, token_id: int) -> None:
        """Take the chosen token. Raises TokenizerError when it is not legal here."""
        if not 0 <= token_id < self._grammar.vocabulary.size or not self.legal()[token_id]:
            raise TokenizerError(f"token {token_id} is not legal after {self.last.value}")
        token_type, value = self._grammar.vocabulary.type_of(token_id)
        self.last, self._found = token_type, None
        if token_type is _T.NOTE_ONSET:
            self.bar_notes += 1
            self.position_notes += 1
        elif token_type is _T.TIME_ABSOLUTE_POS:
            self.last_position, self.position_notes = value, 0
        elif token_type in _COUNT_RESETS:
            self.last_position, self.bar_notes, self.position_notes = -1, 0, 0
            if token_type is not _T.BAR_END:
                self.bar_index += 1
        elif token_type is _T.FILL_IN_END:
            self.done = self.bar_index + 1 >= len(self._rules.bars)
        elif token_type is _T.TRACK_END:
            self.done = True
