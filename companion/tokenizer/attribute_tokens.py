"""The attribute tokens that a window states: for each track after its Instrument, and for each bar after its Bar.

A track's levels are measured on its counted bars; requested levels replace them. A visible bar states its own levels. A hidden
bar states none, because its levels would reveal what is hidden. A bar to be written states the requested levels. Its other
levels are those typical of its track's visible bars, because the models have never seen a bar without these tokens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from companion.music.quantize import GridNote
from companion.tokenizer import attributes, measures
from companion.tokenizer.note_tokens import CACHED_BARS
from companion.tokenizer.token_types import BAR_ATTRIBUTE_ORDER, TRACK_ATTRIBUTE_ORDER, TokenType
from companion.tokenizer.vocabulary import Vocabulary

Levels = Mapping[str, "int | None"]


@dataclass(frozen=True, slots=True)
class TrackMusic:
    """One track on the model's grid.

    counted: its bars, with those emptied that must not be measured. any_uncounted: whether there are such bars. key: the window's
    level of key_signature; None if no note determines it.
    """

    is_drum: bool
    rows: Sequence[tuple[GridNote, ...]]
    counted: Sequence[tuple[GridNote, ...]]
    bar_lengths: Sequence[int]
    any_uncounted: bool
    key: int | None


@dataclass(slots=True)
class StatedTrack:
    """The attributes of a track. ids, levels: stated after its Instrument. typical: per-bar levels of its counted bars."""

    ids: list[int]
    levels: dict[str, int]
    typical: dict[str, int] = field(default_factory=dict)


class AttributeWriter:
    """Measures and writes the attributes of one vocabulary.

    legacy=True states the same as midigpt 0.4.2: its faulty silence_proportion, no pitch_class_set, and measured levels for
    every bar.
    """

    def __init__(self, vocabulary: Vocabulary, *, legacy: bool = False) -> None:
        self._vocabulary, self._legacy = vocabulary, legacy
        self._resolution = vocabulary.config.resolution
        specs = [spec for spec in vocabulary.config.attributes if spec.token_type in vocabulary]
        if legacy:
            specs = [spec for spec in specs if spec.token_type is not TokenType.BAR_PITCH_CLASS_SET]
        self._track_specs = sorted(
            (spec for spec in specs if not spec.per_bar), key=lambda spec: TRACK_ATTRIBUTE_ORDER.index(spec.token_type)
        )
        self._bar_specs = sorted(
            (spec for spec in specs if spec.per_bar), key=lambda spec: BAR_ATTRIBUTE_ORDER.index(spec.token_type)
        )
        self.needs_key = any(spec.token_type is TokenType.KEY_SIGNATURE for spec in specs)
        self._measured_bar = lru_cache(maxsize=CACHED_BARS)(self._measured_bar_uncached)

    def key(self, counted: Sequence[Sequence[Sequence[GridNote]]], any_uncounted: bool) -> int | None:
        """The key of all tracks together, including drums as in midigpt; None if no counted note determines it."""
        ticks = measures.pitch_class_ticks([row for rows in counted for row in rows])
        return measures.key_level(ticks) if any(ticks) or not any_uncounted else None

    def track(self, music: TrackMusic, wanted: Levels) -> StatedTrack:
        """The tokens after a track's Instrument. A track with nothing to measure states only the requested levels and the key."""
        known: dict[str, int] = {}
        if any(music.counted) or not music.any_uncounted:
            known = attributes.compute_rows(
                music.counted,
                music.bar_lengths,
                self._resolution,
                music.is_drum,
                specs=self._track_specs,
                legacy=self._legacy,
            )
        known.pop("key_signature", None)
        if music.key is not None:
            known["key_signature"] = music.key
        ids, written = self._ids(self._track_specs, attributes.reconcile(known, wanted), music.is_drum)
        return StatedTrack(ids, written, self._typical(music) if self._bar_specs else {})

    def bar(
        self, music: TrackMusic, number: int, typical: Mapping[str, int] | None, wanted: Levels, shown: bool
    ) -> tuple[list[int], dict[str, int]]:
        """The tokens after one Bar, and the levels that they state.

        typical: for a bar to be written, the levels of attributes that were not requested. None for any other bar, which states
        its own levels if it is visible.
        """
        if not self._bar_specs:
            return [], {}
        if typical is None or self._legacy:
            measured = self._measured_bar(music.rows[number], music.bar_lengths[number], music.is_drum)
            known: Mapping[str, int] = measured if shown or self._legacy else {}
        else:
            known = typical
        return self._ids(self._bar_specs, attributes.reconcile(known, wanted), music.is_drum)

    def _ids(
        self, specs: Sequence[attributes.AttributeSpec], levels: Levels, is_drum: bool
    ) -> tuple[list[int], dict[str, int]]:
        ids: list[int] = []
        written: dict[str, int] = {}
        for spec in specs:
            level = levels.get(spec.name)
            if level is not None and spec.applies_to(is_drum):
                ids.append(self._vocabulary.id(spec.token_type, level))
                written[spec.name] = level
        return ids, written

    def _typical(self, music: TrackMusic) -> dict[str, int]:
        """The median level of the counted bars that have notes."""
        bars = [
            self._measured_bar(row, length, music.is_drum)
            for row, length in zip(music.counted, music.bar_lengths, strict=True)
            if row
        ]
        return {name: sorted(bar[name] for bar in bars)[len(bars) // 2] for name in (bars[0] if bars else ())}

    def _measured_bar_uncached(self, row: tuple[GridNote, ...], length: int, is_drum: bool) -> dict[str, int]:
        return attributes.compute_bar(row, length, is_drum, self._bar_specs)
