"""The realtime process's link to the current engine, and how long that engine has not answered. It never waits."""

from __future__ import annotations

import socket
import time
from typing import get_args

from companion.runtime.ipc.link import Link
from companion.runtime.processes.recorded_session import EngineEffect
from companion.session.api.effects import Generate, LoadModel
from companion.session.api.engine_events import (
    EngineEvent,
    EngineLost,
    EngineReady,
    GenerationFailed,
    GenerationFinished,
    LoadFailed,
    NoteGenerated,
)
from companion.session.api.settings import ModelSettings

ENGINE_PATIENCE_SECONDS = 15.0  # past a request's deadline, or its last note, before the engine counts as stuck
ENGINE_EVENTS: frozenset[type] = frozenset(get_args(EngineEvent))
clock = time.monotonic


class EngineLink:
    """The link to the current engine, and the requests sent to it."""

    def __init__(self, model: ModelSettings) -> None:
        self._link: Link | None = None
        self._model = self._loaded = model
        self._waiting: dict[int, float] = {}  # request → when to lose patience

    def fileno(self) -> int:
        """The link's descriptor; -1 while there is no engine."""
        return -1 if self._link is None else self._link.fileno()

    def ask(self, effect: EngineEffect, now: float) -> bool:
        """Pass an effect on; False when there is no engine to hear it."""
        if isinstance(effect, LoadModel):
            self._model = effect.model  # another engine process would begin with it
        if self._link is None:
            return False
        if isinstance(effect, Generate):
            self._waiting[effect.job.request_id] = max(effect.deadline_seconds, now) + ENGINE_PATIENCE_SECONDS
        elif not isinstance(effect, LoadModel):
            self._waiting.pop(getattr(effect, "request_id", -1), None)
        return self._link.send(effect)

    def adopt(self, end: socket.socket) -> None:
        """Use a new engine's link. Only an engine's own events are accepted from it."""
        self._link, self._waiting = Link(end, accepts=ENGINE_EVENTS), {}
        self._link.send(LoadModel(self._model))

    def receive(self) -> list[object]:
        """The engine's events; EngineLost if it has died."""
        if self._link is None:
            return []
        self._link.flush()
        events = self._link.receive()
        for event in events:
            if isinstance(event, (GenerationFinished, GenerationFailed)):
                self._waiting.pop(event.request_id, None)
            elif isinstance(event, EngineReady):
                # A further size of the checkpoint that still plays says nothing about the one that is being loaded.
                self._loaded = self._loaded if event.joined else self._model
            elif isinstance(event, LoadFailed):
                self._model = self._loaded
            elif isinstance(event, NoteGenerated) and event.request_id in self._waiting:
                self._waiting[event.request_id] = max(
                    self._waiting[event.request_id], clock() + ENGINE_PATIENCE_SECONDS
                )
        if self._link.closed:
            self._link = None
            events.append(EngineLost("the engine process died; another one is being started"))
        return events

    def is_stuck(self, now: float) -> bool:
        """Whether an answer is long overdue. After True, the same time must pass before it is True again."""
        if self._waiting and min(self._waiting.values()) < now:
            self._waiting.clear()
            return True
        return False
