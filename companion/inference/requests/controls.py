"""Checks whether the controls of a request fit the checkpoint: attributes of tracks and bars, and controls of the whole piece.

Error messages say what was asked and what is possible, as in `validation`.
"""

from __future__ import annotations

from collections.abc import Mapping

from companion.errors import RequestValidationError
from companion.inference.requests.request import TrackPrompt
from companion.music.score import Score
from companion.tokenizer import Style
from companion.tokenizer.token_types import AttributeSpec, TokenType
from companion.tokenizer.vocabulary import Vocabulary

_SWITCHES = {"velocity": TokenType.USE_VELOCITY, "microtiming": TokenType.USE_MICROTIMING}
_PIECE_CONTROLS = (*_SWITCHES, "genre")


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise RequestValidationError(message)


def check_attributes(prompt: TrackPrompt, score: Score, is_drum: bool, vocabulary: Vocabulary) -> None:
    """The levels of a track and of its bars. Raises RequestValidationError."""
    specs = {spec.name: spec for spec in vocabulary.config.attributes}
    where = f"track_id={prompt.id}"
    for name, level in prompt.attributes.items():
        spec = _known_spec(where, name, specs)
        if spec.per_bar:
            raise RequestValidationError(
                f"{where}: attribute {name!r} is bar-level; it cannot be set for a whole track (tp.attributes)"
            )
        _check_level(where, spec, level, is_drum)
    for bar, levels in prompt.bar_attributes.items():
        whole = isinstance(bar, int) and not isinstance(bar, bool)
        _require(whole and isinstance(levels, Mapping), f"{where}: bar_attributes must map bars to levels by name")
        _require(0 <= bar < score.bar_count, f"{where}: bar {bar} out of range (track has {score.bar_count} bars)")
        for name, level in levels.items():
            spec = _known_spec(where, name, specs)
            _require(spec.per_bar, f"{where}: attribute {name!r} is track-level; it cannot be set for bar {bar}")
            _check_level(f"{where}: bar {bar}", spec, level, is_drum)


def _known_spec(where: str, name: str, specs: Mapping[str, AttributeSpec]) -> AttributeSpec:
    if name not in specs:
        raise RequestValidationError(
            f"{where}: unknown attribute {name!r} (known: {sorted(specs)}); choose from the checkpoint's own"
        )
    return specs[name]


def _check_level(where: str, spec: AttributeSpec, level: object, is_drum: bool) -> None:
    kind, other = ("drum", "melodic") if spec.tracks == "drum" else ("melodic", "drum")
    _require(spec.applies_to(is_drum), f"{where}: attribute {spec.name!r} is {kind}-only but track is a {other} track")
    if isinstance(level, bool) or not isinstance(level, int) or not 0 <= level < spec.levels:
        raise RequestValidationError(f"{where}: attribute {spec.name!r}={level!r} out of range [0, {spec.levels})")


def check_track_controls(prompt: TrackPrompt, vocabulary: Vocabulary) -> None:
    """Refuse every control of a track. Generated bars keep the score's meter, so even a valid time_signature is refused."""
    where = f"track_id={prompt.id}"
    for name, value in prompt.controls.items():
        count = len(vocabulary.meters)
        if name != "time_signature":
            raise RequestValidationError(
                f"{where}: unknown control {name!r} (none are supported; attributes belong in attributes)"
            )
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < count:
            raise RequestValidationError(f"{where}: time_signature index {value!r} out of range [0, {count})")
        raise RequestValidationError(
            f"{where}: time_signature is not supported: generated bars keep the score's meter; change the score"
        )
    _require(not prompt.bar_controls, f"{where}: bar-level controls are not supported")


def check_piece_controls(controls: Mapping[str, object], vocabulary: Vocabulary) -> None:
    """Genre and switches; raises RequestValidationError."""
    config = vocabulary.config
    for name, value in controls.items():
        if name not in _PIECE_CONTROLS:
            supported = ", ".join(repr(control) for control in _PIECE_CONTROLS)
            raise RequestValidationError(f"unknown piece-level control {name!r}; supported: {supported}")
        if name == "genre":
            _check_genre(value, vocabulary)
            continue
        if not isinstance(value, bool):
            raise RequestValidationError(f"controls[{name!r}] must be a bool, got {type(value).__name__}")
        if not value and _SWITCHES[name] not in vocabulary:
            raise RequestValidationError(
                f"controls[{name!r}]=False is not supported: it needs a model trained with switchable {name}"
            )
        if name == "microtiming" and value and TokenType.DELTA not in vocabulary:
            raise RequestValidationError(
                "controls['microtiming']=True but encoder has no Delta token domain "
                f"(emit_delta_tokens={str(config.emit_delta_tokens).lower()})"
            )


def style_of(controls: Mapping[str, object], vocabulary: Vocabulary) -> Style:
    """The style of the whole piece, from checked controls."""
    genre = controls.get("genre")
    return Style(
        None if genre is None else vocabulary.genre_index(str(genre)),
        velocity=controls.get("velocity") is not False,
        microtiming=controls.get("microtiming") is not False,
    )


def _check_genre(value: object, vocabulary: Vocabulary) -> None:
    groups = vocabulary.config.genre_groups
    _require(bool(groups), "controls['genre'] requires genre_groups to be configured in the encoder config")
    if vocabulary.genre_index(str(value)) is None:
        names = [name for name, _ in groups]
        raise RequestValidationError(f"controls['genre']={value!r} is not a known genre; genres of this model: {names}")
