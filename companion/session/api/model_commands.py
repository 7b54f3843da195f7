"""Commands for the model and its sampling. See `commands`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from companion.session.api import limits
from companion.session.api.command_base import Command
from companion.session.api.settings import RewriteDial, Sampling


@dataclass(frozen=True, slots=True)
class SetSampling(Command):
    """Change fields of Sampling; None leaves a field as it is."""

    temperature: Annotated[float, limits.TEMPERATURE] | None = None
    top_p: Annotated[float, limits.TOP_P] | None = None
    top_k: Annotated[int, limits.TOP_K] | None = None
    mask_p: Annotated[float, limits.MASK_P] | None = None
    mask_k: Annotated[int, limits.MASK_K] | None = None
    polyphony_hard_limit: Annotated[int, limits.POLYPHONY_LIMIT] | None = None
    density_hard_limit: Annotated[int, limits.DENSITY_LIMIT] | None = None
    allow_rests: bool | None = None
    harmony: Annotated[float, limits.HARMONY] | None = None
    variety: Annotated[float, limits.VARIETY] | None = None
    genre: str | None = None
    human: Annotated[int, limits.HUMAN] | None = None


@dataclass(frozen=True, slots=True)
class SetModel(Command):
    """Change fields of ModelSettings; None leaves a field as it is.

    Another checkpoint or engine is loaded while the music goes on.
    """

    checkpoint: str | None = None
    engine: Annotated[str, limits.ENGINES] | None = None
    model_dim: Annotated[int, limits.MODEL_DIM] | None = None
    mask_mode: Annotated[str, limits.MASK_MODES] | None = None
    sampling: Sampling | None = None
    seed: Annotated[int, limits.SEED] | None = None
    takes: Annotated[int, limits.TAKES] | None = None


@dataclass(frozen=True, slots=True)
class SetRewriting(Command):
    """Set how finely the sounding bar is rewritten when the player contradicts it."""

    dial: RewriteDial
