"""What the host's engine holds, and what guests may have it load. Pure.

A guest may ask for the checkpoint that the host was started with, by its name or its file's, and for shipped ones. It never names a path.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from companion.runtime.remote_engine.address import plain_checkpoint
from companion.session.api.effects import LoadModel
from companion.session.api.events import EngineLost, EngineReady, LoadFailed
from companion.session.api.settings import ModelSettings

MAX_NAME = 80
Word = EngineReady | EngineLost


class Holdings:
    """See the module. given: what the host was started with. is_shipped: whether a checkpoint of that name is shipped."""

    def __init__(self, given: ModelSettings, is_shipped: Callable[[str], bool]) -> None:
        self._given = self._loaded = self._wanted = given
        self._is_shipped = is_shipped
        self._word: Word | None = None  # the engine's last word on what is loaded

    def ask(self, checkpoint: str) -> LoadModel | Word | None:
        """A guest wants a checkpoint. Returns what the engine is to load, or else what to tell the guest; None while it is loaded."""
        if checkpoint == plain_checkpoint(self._wanted.checkpoint):
            return self._word if self._wanted == self._loaded else None
        if checkpoint == plain_checkpoint(self._given.checkpoint):
            wanted = self._given
        elif checkpoint.replace("_", "").isalnum() and self._is_shipped(checkpoint):
            wanted = replace(self._given, checkpoint=checkpoint)
        else:
            name = checkpoint[:MAX_NAME]
            return EngineLost(f"there is no checkpoint {name!r} (a file is given with companion engine --checkpoint)")
        self._wanted = wanted
        return LoadModel(wanted)

    def heard(self, event: Word | LoadFailed) -> Word | None:
        """The engine says what it holds, or that it cannot load what was wanted. Returns what to tell the guest, None for nothing."""
        if isinstance(event, LoadFailed):
            self._wanted = self._loaded  # which goes on
            return EngineLost(f"{plain_checkpoint(event.checkpoint)} cannot be loaded: {event.reason}")
        if isinstance(event, EngineLost):
            # Whatever was wanted last could not be loaded, or the engine begins with it again.
            self._loaded, self._word = self._wanted, event
            return event
        is_old = event.joined and self._wanted != self._loaded  # another size of the checkpoint that is about to go
        self._word = _named_plainly(event)
        if is_old:
            return None
        self._loaded = self._wanted
        return self._word


def _named_plainly(event: EngineReady) -> EngineReady:
    """The same event, where a size that was given as a file is called by the file's name."""
    info = event.checkpoint
    return replace(event, checkpoint=replace(info, name=plain_checkpoint(info.name)))
