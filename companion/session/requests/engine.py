"""The engine as the session sees it: the chosen model, the loaded checkpoint, and whether it is available."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from companion.session.api.events import CheckpointInfo
from companion.session.api.settings import ModelSettings


class Engine:
    """model: what was chosen. checkpoint: what is loaded and can be asked; None while nothing can be asked."""

    def __init__(self, model: ModelSettings) -> None:
        self.model = model
        self.checkpoint: CheckpointInfo | None = None
        self._loaded = model.checkpoint, model.engine

    @property
    def state(self) -> Literal["loading", "ready"]:
        """Whether requests can be sent."""
        return "loading" if self.checkpoint is None else "ready"

    @property
    def mask_mode(self) -> str:
        """The mask mode in use: as chosen, but the checkpoint's best, which it names first, for "auto" and for what it has not."""
        chosen = self.model.mask_mode
        modes = self.checkpoint.mask_modes if self.checkpoint else ()
        return chosen if chosen in modes or not modes else modes[0]

    def choose(self, model: ModelSettings) -> None:
        """Choose other settings."""
        self.model = model

    def ready(self, checkpoint: CheckpointInfo) -> None:
        """This size writes from now on."""
        self.checkpoint = checkpoint

    def loaded(self) -> None:
        """The chosen checkpoint was loaded."""
        self._loaded = self.model.checkpoint, self.model.engine

    def keep_loaded(self) -> None:
        """The chosen checkpoint cannot be loaded: choose the one again that writes."""
        checkpoint, engine = self._loaded
        self.model = replace(self.model, checkpoint=checkpoint, engine=engine)

    def gone(self) -> None:
        """The engine has died, or loads another checkpoint."""
        self.checkpoint = None
