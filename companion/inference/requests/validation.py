"""Checks whether a request fits the score and the checkpoint. Error messages say what was asked and what is possible.

This module knows the request, the score's shape and the encoder config, but no model. Source of the rules: representation.md
G.4. It refuses what midigpt accepts although it can only be a mistake, such as an unknown mask mode.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from companion.errors import RequestValidationError
from companion.inference.requests.controls import check_attributes, check_piece_controls, check_track_controls, style_of
from companion.inference.requests.planner import Cell
from companion.inference.requests.request import ENGINES, MASK_MODES, GenerationRequest, InferenceConfig, TrackPrompt
from companion.music.score import Score
from companion.tokenizer import Style
from companion.tokenizer import attributes as attribute_levels
from companion.tokenizer.token_types import AttributeSpec, TokenType
from companion.tokenizer.vocabulary import Vocabulary

MAX_CANDIDATES = 16
MAX_ESCALATION = 3.0


@dataclass(frozen=True)
class ResolvedRequest:
    """A valid request with every "auto" decided. Cells are (track, bar) of the score. specs: the checkpoint's attributes."""

    request: GenerationRequest
    model_dim: int
    mask_mode: str
    infill: Mapping[int, tuple[int, ...]]
    autoregressive: Mapping[int, tuple[int, ...]]
    hidden: frozenset[Cell]
    ignored: frozenset[int]
    warnings: tuple[str, ...] = field(default=())
    style: Style = Style()
    specs: tuple[AttributeSpec, ...] = attribute_levels.BASIC

    @property
    def targets(self) -> frozenset[Cell]:
        """Every cell to generate."""
        return frozenset(
            (t, bar) for group in (self.infill, self.autoregressive) for t, bars in group.items() for bar in bars
        )


def supported_mask_modes(vocabulary: Vocabulary) -> tuple[str, ...]:
    """The explicit mask modes that this vocabulary can express."""
    return tuple(mode for mode in MASK_MODES[1:] if mode != "token" or TokenType.MASK_BAR in vocabulary)


def resolve_mask_mode(mode: str, vocabulary: Vocabulary) -> str:
    """The explicit mode for `mode`. Raises RequestValidationError for a mode that the vocabulary does not support."""
    modes = supported_mask_modes(vocabulary)
    if mode == "auto":
        return "token" if "token" in modes else "attention"
    if mode == "token" and mode not in modes:
        choices = ", ".join(modes)
        raise RequestValidationError(
            f"config.mask_mode='token' requires the encoder vocab to include a MaskBar token domain; pick one of {choices}"
        )
    if mode not in modes:
        raise RequestValidationError(f"unknown mask_mode {mode!r} (known: auto, {', '.join(modes)})")
    return mode


def validate_request(score: Score, request: GenerationRequest, vocabulary: Vocabulary) -> ResolvedRequest:
    """Check everything and decide the automatic choices. Raises RequestValidationError."""
    config = request.config
    _check_options(config)
    mask_mode = resolve_mask_mode(config.mask_mode, vocabulary)
    _check_score(score, vocabulary)
    model_dim = _resolve_model_dim(config.model_dim, score.bar_count, vocabulary)
    steps = _whole(config.bars_per_step, "bars_per_step")
    if steps > model_dim:
        raise RequestValidationError(f"bars_per_step={steps} cannot exceed model_dim={model_dim}")
    prompts = _prompts_by_track(score, request.tracks)
    for track, prompt in prompts.items():
        _check_prompt(prompt, track, score, vocabulary)
    check_piece_controls(request.controls, vocabulary)
    resolved = replace(
        _resolve_targets(request, prompts, score, model_dim, mask_mode),
        style=style_of(request.controls, vocabulary),
        specs=vocabulary.config.attributes,
    )
    if not resolved.targets:
        raise RequestValidationError("request has no tracks to generate (every track is ignored or has no bars)")
    return resolved


def _resolve_targets(
    request: GenerationRequest, prompts: Mapping[int, TrackPrompt], score: Score, model_dim: int, mask_mode: str
) -> ResolvedRequest:
    infill = {t: tuple(sorted(set(p.bars))) for t, p in prompts.items() if p.bars and not p.autoregressive}
    autoregressive = {
        t: tuple(sorted(set(p.bars))) or tuple(range(score.bar_count)) for t, p in prompts.items() if p.autoregressive
    }
    return ResolvedRequest(
        request=request,
        model_dim=model_dim,
        mask_mode=mask_mode,
        infill=infill,
        autoregressive=autoregressive,
        hidden=frozenset((track, bar) for track, prompt in prompts.items() for bar in prompt.mask_bars),
        ignored=frozenset(track for track, prompt in prompts.items() if prompt.ignore),
        warnings=tuple(_warnings(score)),
    )


# -- options ------------------------------------------------------------------------------------------------------------


def _number(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise RequestValidationError(f"{name} must be a number (got {value!r})")
    return value


def _whole(value: object, name: str) -> int:
    """0 for "auto"; raises for anything that is not a whole number >= 0."""
    if value == "auto":
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise RequestValidationError(f'{name} must be > 0, or "auto" (got {value!r})')
    return value


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise RequestValidationError(message)


def _check_options(config: InferenceConfig) -> None:
    _check_sampling(config)
    for name, floor in {"max_attempts": 1, "num_candidates": 1, "min_overlap_bars": 0}.items():
        value = getattr(config, name)
        whole = isinstance(value, int) and not isinstance(value, bool)
        _require(whole and value >= floor, f"{name} must be >= {floor} (got {value!r})")
    _require(
        config.num_candidates <= MAX_CANDIDATES, f"num_candidates={config.num_candidates} exceeds max {MAX_CANDIDATES}"
    )
    for name in (
        "novelty_check",
        "silence_check",
        "shuffle",
        "allow_rests",
        "analyze_targets",
        "leak_targets",
        "steer",
    ):
        _require(
            isinstance(getattr(config, name), bool), f"{name} must be true or false (got {getattr(config, name)!r})"
        )
    for name in ("polyphony_hard_limit", "density_hard_limit"):
        value = getattr(config, name)
        _require(isinstance(value, int) and value >= 0, f"{name} must be >= 0 (got {value!r}); use 0 for no limit")
    _whole(config.bars_per_step, "bars_per_step")
    _whole(config.tracks_per_step, "tracks_per_step")
    escalation = _number(config.temperature_escalation, "temperature_escalation")
    _require(
        escalation >= 1, f"temperature_escalation must be >= 1.0 (got {escalation}); use 1.0 to disable escalation"
    )
    for name, rest in {
        "infill_probability": "use 1.0 to infill every target bar",
        "novelty_threshold": "use 1.0 to reject only unchanged results",
    }.items():
        value = _number(getattr(config, name), name)
        _require(0 < value <= 1, f"{name} must be in (0, 1] (got {value}); {rest}")
    overlap = _number(config.ar_overlap, "ar_overlap")
    _require(0 <= overlap < 1, f"ar_overlap must be in [0, 1) (got {overlap})")
    margin = _number(config.budget_margin, "budget_margin")
    _require(margin >= 1, f"budget_margin must be >= 1 (got {margin})")
    _require(
        config.context in ("auto", "listed", "all"),
        f'context must be "auto", "listed" or "all" (got {config.context!r})',
    )
    _require(config.engine in ENGINES, f"unknown engine {config.engine!r} (known: {', '.join(ENGINES)})")
    _require(
        isinstance(config.seed, int) and not isinstance(config.seed, bool),
        f"seed must be a whole number (got {config.seed!r})",
    )


def _check_sampling(config: InferenceConfig) -> None:
    temperature, top_p = _number(config.temperature, "temperature"), _number(config.top_p, "top_p")
    mask_p = _number(config.mask_p, "mask_p")
    _require(temperature > 0, f"temperature must be > 0 (got {temperature})")
    _require(0 < top_p <= 1, f"top_p must be in (0, 1] (got {top_p}); use 1.0 to disable")
    _require(0 <= mask_p < 1, f"mask_p must be in [0, 1) (got {mask_p}); use 0.0 to disable")
    for name in ("top_k", "mask_k"):
        value = getattr(config, name)
        whole = isinstance(value, int) and not isinstance(value, bool)
        _require(whole and value >= 0, f"{name} must be >= 0 (got {value!r}); use 0 to disable")
    _require(
        not (mask_p and top_p < 1 and mask_p >= top_p),
        f"mask_p ({mask_p}) must be < top_p ({top_p}); mask_p removes the likeliest mass of what top_p keeps, so nothing would be left",
    )
    _require(
        not (config.mask_k and config.top_k and config.mask_k >= config.top_k),
        f"mask_k ({config.mask_k}) must be < top_k ({config.top_k}); mask_k removes the likeliest of what top_k keeps",
    )


# -- score --------------------------------------------------------------------------------------------------------------


def _check_score(score: Score, vocabulary: Vocabulary) -> None:
    _require(bool(score.tracks), "score has 0 tracks")
    lengths = [len(track.bars) for track in score.tracks]
    _require(min(lengths) > 0, f"every track must have at least one bar (got lengths {lengths})")
    _require(len(set(lengths)) == 1, f"all tracks must have the same number of bars (got {lengths})")
    for number, track in enumerate(score.tracks):
        for bar_number, bar in enumerate(track.bars):
            if bar.time_signature not in vocabulary.meters:
                raise RequestValidationError(
                    f"track {number} bar {bar_number}: time signature {bar.time_signature} not in config.time_signatures "
                    f"(the model knows {', '.join(map(str, vocabulary.meters))})"
                )


def _resolve_model_dim(wanted: int | str, bars: int, vocabulary: Vocabulary) -> int:
    known = sorted(vocabulary.config.num_bars_map)
    if wanted != "auto" and (isinstance(wanted, bool) or not isinstance(wanted, int)):
        raise RequestValidationError(f'model_dim must be one of {known} or "auto" (got {wanted!r})')
    if wanted == "auto" or int(wanted) <= 0:
        fitting = [length for length in known if length <= bars]
        if not fitting:
            raise RequestValidationError(
                f"score has {bars} bars but the model needs at least {min(known, default=0)}. Pad the score."
            )
        return max(fitting)
    model_dim = int(wanted)
    _require(model_dim in known, f"model_dim={model_dim} not in vocab domain {known}")
    _require(
        model_dim <= bars,
        f"score has {bars} bars but model_dim={model_dim}; model was trained on fixed windows ({known}). "
        "Pad the score or pick a smaller model_dim.",
    )
    return model_dim


def _warnings(score: Score) -> list[str]:
    found = []
    for number, track in enumerate(score.tracks):
        notes = [note for bar in track.bars for note in bar.notes]
        if any(not 0 <= note.pitch <= 127 for note in notes):
            found.append(f"track {number}: pitches outside 0..127 are clamped in the prompt")
        if not 0 <= track.program <= 127:
            found.append(f"track {number}: program {track.program} is read as 0 in the prompt")
        if any(note.duration_ticks < 1 for note in notes):
            found.append(f"track {number}: notes without length get the shortest one in the prompt")
        if any(n.onset_ticks >= bar.length_ticks(score.resolution) for bar in track.bars for n in bar.notes):
            found.append(f"track {number}: onsets past their bar's end are moved in the prompt")
    return found


# -- prompts ------------------------------------------------------------------------------------------------------------


def _prompts_by_track(score: Score, prompts: Sequence[TrackPrompt]) -> dict[int, TrackPrompt]:
    _require(bool(prompts), "request.tracks is empty: nothing to generate")
    by_track: dict[int, TrackPrompt] = {}
    for prompt in prompts:
        whole = isinstance(prompt.id, int) and not isinstance(prompt.id, bool)
        _require(whole, f"track id must be a whole number (got {prompt.id!r})")
        _require(prompt.id not in by_track, f"duplicate track_id={prompt.id} in request")
        count = len(score.tracks)
        _require(0 <= prompt.id < count, f"track_id={prompt.id} out of range (score has {count} tracks)")
        by_track[prompt.id] = prompt
    missing = [track for track in range(len(score.tracks)) if track not in by_track]
    _require(
        not missing,
        f"score has {len(score.tracks)} tracks but request is missing prompts for track_id(s) {missing}; "
        "every score track requires an explicit TrackPrompt (use ignore=True to skip)",
    )
    return by_track


def _check_prompt(prompt: TrackPrompt, track: int, score: Score, vocabulary: Vocabulary) -> None:
    where, bars = f"track_id={track}", score.bar_count
    _require(
        not (prompt.autoregressive and prompt.ignore), f"{where}: autoregressive and ignore are mutually exclusive"
    )
    _require(not (prompt.ignore and prompt.bars), f"{where}: ignored tracks must not specify bars")
    _require(not (prompt.ignore and prompt.mask_bars), f"{where}: ignored tracks must not specify mask_bars")
    for name, values in (("bar", prompt.bars), ("mask_bar", prompt.mask_bars)):
        for bar in values:
            _require(0 <= bar < bars, f"{where}: {name} {bar} out of range (track has {bars} bars)")
    targets = set(prompt.bars) or (set(range(bars)) if prompt.autoregressive else set())
    both = sorted(targets & set(prompt.mask_bars))
    _require(
        not both,
        f"{where}: bars {both} appear in both `bars` (generation targets) and `mask_bars`; a bar is generated or hidden, not both",
    )
    if prompt.autoregressive and sorted(targets) != list(range(min(targets), bars)):
        raise RequestValidationError(
            f"{where} (autoregressive): bars must form a contiguous right-suffix of the track "
            f"(e.g. [k, k+1, ..., {bars - 1}]); got {sorted(targets)}"
        )
    if targets and not prompt.autoregressive and TokenType.FILL_IN_START not in vocabulary:
        raise RequestValidationError(f"{where}: this checkpoint cannot infill; set autoregressive=True")
    check_attributes(prompt, score, score.tracks[track].is_drum, vocabulary)
    check_track_controls(prompt, vocabulary)
