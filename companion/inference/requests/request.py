"""A request to a checkpoint: which bars of which tracks to generate, with which options.

These are plain values under the names that users of the model family know. They know no score and no checkpoint; `validation`
decides whether a request fits both. Bars and tracks count from 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from companion.errors import RequestValidationError
from companion.music.score import Note
from companion.session.api.limits import ENGINES, MASK_MODES

__all__ = ["ENGINES", "MASK_MODES", "GenerationRequest", "InferenceConfig", "RequestValidationError", "TrackPrompt"]


_T = TypeVar("_T")


def _from_mapping(cls: type[_T], data: Mapping[str, Any], aliases: Mapping[str, str] | None = None) -> _T:
    if not isinstance(data, Mapping):
        raise RequestValidationError(f"{cls.__name__} needs a mapping, got {type(data).__name__}")
    known = {item.name for item in fields(cls)}  # type: ignore[arg-type]
    renamed = {(aliases or {}).get(key, key): value for key, value in data.items()}
    unknown = sorted(set(renamed) - known)
    if unknown:
        raise RequestValidationError(f"unknown {cls.__name__} field(s) {unknown} (known: {sorted(known)})")
    return cls(**renamed)


def _int_tuple(value: object, what: str) -> tuple[int, ...]:
    if isinstance(value, str) or not isinstance(value, (Sequence, set, frozenset, range)):
        raise RequestValidationError(f"{what} must be a list of bar numbers, got {value!r}")
    bars = tuple(value)
    if any(isinstance(bar, bool) or not isinstance(bar, int) for bar in bars):
        raise RequestValidationError(f"{what} must hold whole numbers, got {value!r}")
    return bars


@dataclass(frozen=True)
class InferenceConfig:
    """Options of one request; the defaults are the family's.

    model_dim: bars in a window, one of the checkpoint's `num_bars_map`; "auto" or <= 0 takes the largest that fits the score.
    mask_mode: how hidden bars are hidden, see `MASK_MODES`; "auto" is "token" where the vocabulary has MaskBar, else "attention".
    bars_per_step, tracks_per_step: how many target bars and tracks one step generates together; "auto" or 0 = all that fit.
    num_candidates: takes of the same targets, decoded as one batch.
    allow_rests: a generated bar may be empty (silence_check is then off).
    engine: "auto", "reference", "onnx" or "cuda".
    analyze_targets: compute attributes from the target bars' old notes too, as midigpt does; ours leaves them out.
    leak_targets: show the old notes of targets of later steps as context, as midigpt does; ours hides them.
    target_last: if an infill step fills bars of one track, that track stands last in its prompt, as in live play. Small models
    continue best what they have just read. (This option is ours; the family keeps the score's order.)
    steer: steer the writing to the attributes asked for (`steering`). Otherwise they only stand in the prompt, as in the family.
    """

    model_dim: int | str = 4
    mask_mode: str = "auto"
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    mask_p: float = 0.0
    mask_k: int = 0
    seed: int = -1
    max_attempts: int = 3
    novelty_check: bool = True
    novelty_threshold: float = 1.0
    silence_check: bool = True
    temperature_escalation: float = 1.0
    bars_per_step: int | str = 1
    tracks_per_step: int | str = 1
    shuffle: bool = False
    polyphony_hard_limit: int = 0
    density_hard_limit: int = 0
    ar_overlap: float = 0.5
    min_overlap_bars: int = 2
    context: str = "auto"
    budget_margin: float = 1.25
    num_candidates: int = 1
    infill_probability: float = 1.0
    allow_rests: bool = False
    engine: str = "auto"
    analyze_targets: bool = False
    leak_targets: bool = False
    target_last: bool = False
    steer: bool = True

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> InferenceConfig:
        """Build from a mapping. `takes` is an alias of num_candidates. Raises RequestValidationError on unknown keys."""
        return _from_mapping(cls, data, {"takes": "num_candidates"})

    @property
    def takes(self) -> int:
        """Candidates generated for the same targets."""
        return self.num_candidates


@dataclass(frozen=True)
class TrackPrompt:
    """The role of one track of the score.

    bars: target bars to generate. mask_bars: bars to hide from the model (they come back untouched).
    autoregressive: generate `bars`, a suffix of the track, left to right instead of by infilling; no bars means all.
    ignore: leave the track out of the prompt; it comes back untouched.
    attributes: user control, attribute name to level. bar_attributes: the same per bar number.
    controls: `time_signature` (index into the encoder's list) for autoregressive tracks.
    """

    id: int
    bars: tuple[int, ...] = ()
    autoregressive: bool = False
    ignore: bool = False
    mask_bars: tuple[int, ...] = ()
    attributes: Mapping[str, int] = field(default_factory=dict)
    controls: Mapping[str, Any] = field(default_factory=dict)
    bar_attributes: Mapping[int, Mapping[str, int]] = field(default_factory=dict)
    bar_controls: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "bars", _int_tuple(self.bars, f"track_id={self.id}: bars"))
        object.__setattr__(self, "mask_bars", _int_tuple(self.mask_bars, f"track_id={self.id}: mask_bars"))
        for name in ("attributes", "controls", "bar_attributes", "bar_controls"):
            if not isinstance(getattr(self, name), Mapping):
                raise RequestValidationError(f"track_id={self.id}: {name} must be a mapping")

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TrackPrompt:
        """Build from a mapping (`track_id` is an alias of id). Raises RequestValidationError on unknown or missing keys."""
        if isinstance(data, Mapping) and not {"id", "track_id"} & set(data):
            raise RequestValidationError("a track prompt needs an id")
        return _from_mapping(cls, data, {"track_id": "id"})


@dataclass(frozen=True)
class GenerationRequest:
    """One prompt for every track of the score, the options, and piece-level controls (velocity, microtiming, genre).

    guide: bar of the score → its chords as notes (`companion.harmony.guide`, 480 ticks per quarter), for checkpoints that were
    trained with chord guides. Infill steps whose bars all have a guide use it; other steps do not.
    """

    tracks: tuple[TrackPrompt, ...] = ()
    config: InferenceConfig = field(default_factory=InferenceConfig)
    controls: Mapping[str, Any] = field(default_factory=dict)
    guide: Mapping[int, tuple[Note, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tracks", tuple(self.tracks))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> GenerationRequest:
        """Build from nested mappings, as read from JSON. Raises RequestValidationError on unknown keys."""
        if not isinstance(data, Mapping):
            raise RequestValidationError(f"GenerationRequest needs a mapping, got {type(data).__name__}")
        unknown = sorted(set(data) - {"tracks", "config", "controls"})
        if unknown:
            raise RequestValidationError(f"unknown GenerationRequest field(s) {unknown}")
        return cls(
            tracks=tuple(TrackPrompt.from_dict(track) for track in data.get("tracks", ())),
            config=InferenceConfig.from_dict(data.get("config", {})),
            controls=dict(data.get("controls", {})),
        )

    @classmethod
    def infill(
        cls,
        track_count: int,
        targets: Mapping[int, Sequence[int]],
        hidden: Mapping[int, Sequence[int]] | None = None,
        config: InferenceConfig | None = None,
        attributes: Mapping[int, Mapping[str, int]] | None = None,
    ) -> GenerationRequest:
        """A request that infills `targets` (track to bars) with every other bar of `track_count` tracks as context."""
        extra = (set(targets) | set(hidden or {}) | set(attributes or {})) - set(range(track_count))
        if extra:
            raise RequestValidationError(f"track_id={min(extra)} out of range (score has {track_count} tracks)")
        prompts = tuple(
            TrackPrompt(
                id=track,
                bars=tuple(targets.get(track, ())),
                mask_bars=tuple((hidden or {}).get(track, ())),
                attributes=dict((attributes or {}).get(track, {})),
            )
            for track in range(track_count)
        )
        return cls(prompts, config or InferenceConfig())
