"""Loads a checkpoint: its sizes on this machine, and beside them the one on another machine where that is wanted."""

from __future__ import annotations

from companion.errors import CompanionError
from companion.runtime.engine.sizes import LoadedSizes
from companion.session.api.engine_names import is_remote
from companion.session.api.settings import ModelSettings


def load_checkpoint(model: ModelSettings) -> LoadedSizes:
    """Load what runs on this machine, and call the engine on another one if that is wanted. Raises the errors of `LoadedSizes`.

    If the other machine cannot even be called, this one plays alone and the player is told why.
    """
    if not is_remote(model.engine):
        return LoadedSizes(model)
    # What only an engine elsewhere needs: its network, and what it says.
    from companion.runtime.engine.far_size import FarSize
    from companion.runtime.remote_engine.guest import Guest

    try:
        far = FarSize(Guest(model.engine, model))
    except CompanionError as error:
        return LoadedSizes(model, remarks=(str(error),))
    try:
        return LoadedSizes(model, far=far)
    except CompanionError:
        far.close()
        raise
