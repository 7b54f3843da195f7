"""The player's wishes for the model: how tokens are drawn, which checkpoint writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from companion.session.api import commands, model_commands
from companion.session.api.effects import LoadModel
from companion.session.extension import Handler
from companion.session.output.outbox import Outbox
from companion.session.requests.engine import Engine
from companion.session.requests.requests import Requests
from companion.session.rewriting.rewriting import Rewriting


class ModelCommands:
    """Changes hold from the next request on; another checkpoint is loaded while the music goes on."""

    def __init__(self, engine: Engine, requests: Requests, rewriting: Rewriting, outbox: Outbox) -> None:
        self._engine, self._requests, self._rewriting, self._outbox = engine, requests, rewriting, outbox

    def handlers(self) -> Mapping[type[commands.Command], Handler]:
        """Which method does which command."""
        return {
            model_commands.SetSampling: self._set_sampling,
            model_commands.SetModel: self._set_model,
            model_commands.SetRewriting: self._set_rewriting,
        }

    def _set_sampling(self, wish: model_commands.SetSampling, now: float) -> None:
        model = self._engine.model
        self._engine.choose(replace(model, sampling=replace(model.sampling, **commands.arguments_of(wish))))

    def _set_model(self, wish: model_commands.SetModel, now: float) -> None:
        before, model = self._engine.model, replace(self._engine.model, **commands.arguments_of(wish))
        self._engine.choose(model)
        self._requests.resize()
        if (model.checkpoint, model.engine) != (before.checkpoint, before.engine):
            self._requests.cancel()
            self._engine.gone()
            self._outbox.emit(LoadModel(model))

    def _set_rewriting(self, wish: model_commands.SetRewriting, now: float) -> None:
        self._rewriting.set_dial(wish.dial)
