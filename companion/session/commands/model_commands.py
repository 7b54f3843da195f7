"""The player's wishes for the model: how tokens are drawn, which checkpoint writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from companion.session.api import commands, model_commands
from companion.session.api.effects import LoadModel
from companion.session.api.settings import ModelSettings
from companion.session.commands.undoable import FindUndoable, Undoable, dial
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

    def undoables(self) -> Mapping[type[commands.Command], FindUndoable]:
        """What each command changes."""
        return {
            model_commands.SetSampling: self._sampling,
            model_commands.SetModel: self._model,
            model_commands.SetRewriting: lambda wish: dial(
                "rewriting",
                lambda: self._rewriting.dial,
                lambda value, now: self._rewriting.set_dial(value),
                lambda value: f"rewriting within the bar is {value}",
            ),
        }

    def _sampling(self, wish: model_commands.SetSampling) -> Undoable:
        names = tuple(commands.arguments_of(wish))

        def read() -> dict[str, object]:
            return {name: getattr(self._engine.model.sampling, name) for name in names}

        def write(values: dict[str, object], now: float) -> None:
            model = self._engine.model
            self._engine.choose(replace(model, sampling=replace(model.sampling, **values)))  # type: ignore[arg-type]

        return dial(("sampling", names), read, write, _in_words)

    def _model(self, wish: model_commands.SetModel) -> Undoable:
        names = tuple(commands.arguments_of(wish))

        def read() -> dict[str, object]:
            return {name: getattr(self._engine.model, name) for name in names}

        def write(values: dict[str, object], now: float) -> None:
            self._choose(replace(self._engine.model, **values))  # type: ignore[arg-type]

        return dial(("model", names), read, write, _in_words)

    def _set_sampling(self, wish: model_commands.SetSampling, now: float) -> None:
        model = self._engine.model
        self._engine.choose(replace(model, sampling=replace(model.sampling, **commands.arguments_of(wish))))

    def _set_model(self, wish: model_commands.SetModel, now: float) -> None:
        self._choose(replace(self._engine.model, **commands.arguments_of(wish)))

    def _choose(self, model: ModelSettings) -> None:
        before = self._engine.model
        self._engine.choose(model)
        self._requests.resize()
        if (model.checkpoint, model.engine) != (before.checkpoint, before.engine):
            self._outbox.emit(LoadModel(model))
            if (writes := self._engine.checkpoint) is not None:
                self._outbox.notice(f"{model.checkpoint} is being loaded; {writes.name} writes until it is ready")

    def _set_rewriting(self, wish: model_commands.SetRewriting, now: float) -> None:
        self._rewriting.set_dial(wish.dial)


def _in_words(values: dict[str, object]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} is {_value(value)}" for name, value in values.items())


def _value(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
