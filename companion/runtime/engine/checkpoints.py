"""The checkpoints in the engine process: the one that plays, and at most one other that is loaded beside it.

Another checkpoint is loaded in a thread while the present one goes on writing. When it is ready, it takes over between two requests,
and the old one is freed as soon as the session has sent a request to the new one, or after a few seconds. A checkpoint that is only
prepared waits until it is wanted, and then takes over at once.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from companion.errors import CompanionError
from companion.runtime.engine.sizes import LoadedSizes
from companion.runtime.engine.worker import Worker
from companion.session.api.engine_events import EngineEvent, LoadFailed
from companion.session.api.settings import ModelSettings

if TYPE_CHECKING:
    from companion.runtime.engine.far_size import FarSize

LEAVING_SECONDS = 5.0  # an answer of the old checkpoint that takes longer is useless
POLL_SECONDS = 0.05  # how often to look whether a checkpoint is loaded
FAULTS = (CompanionError, ImportError, MemoryError)


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A checkpoint that was loaded in a thread, or why it could not be."""

    model: ModelSettings
    sizes: LoadedSizes | None
    reason: str = ""


class Checkpoints:
    """load: loads all sizes of a checkpoint. clock: monotonic seconds."""

    def __init__(
        self,
        load: Callable[[ModelSettings], LoadedSizes] = LoadedSizes,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load, self._clock = load, clock
        self._current: LoadedSizes | None = None
        self._leaving: LoadedSizes | None = None
        self._leaves_at = 0.0
        self._prepared: LoadedSizes | None = None
        self._loading: ModelSettings | None = None  # in the thread
        self._wanted: ModelSettings | None = None  # shall play as soon as it is loaded
        self._next: ModelSettings | None = None  # shall be loaded when the thread is free
        self._arrived: queue.SimpleQueue[_Loaded] = queue.SimpleQueue()

    @property
    def is_empty(self) -> bool:
        """Whether no checkpoint can write."""
        return self._current is None

    @property
    def far(self) -> FarSize | None:
        """The size on another machine that belongs to the checkpoint that plays."""
        return None if self._current is None else self._current.far

    @property
    def sockets(self) -> list[Any]:
        """What to wait for of the network, as ZeroMQ's sockets."""
        return [] if self.far is None else self.far.sockets

    def look_far(self) -> list[EngineEvent]:
        """What has come from another machine since the last call."""
        return [] if self._current is None else self._current.look_far()

    def leave_far(self) -> None:
        """Say goodbye to the other machine: the process ends."""
        if self.far is not None:
            self.far.close()

    @property
    def wait_seconds(self) -> float:
        """How long nobody needs to look again."""
        return POLL_SECONDS if self._loading is not None or self._leaving is not None else 1.0

    def want(self, model: ModelSettings) -> EngineEvent | None:
        """Let this checkpoint play. Returns the event for the session, or None if the checkpoint must be loaded first.

        If no checkpoint plays, it is loaded here and now; raises the errors of `LoadedSizes`.
        """
        self._wanted = None
        if self._current is None:
            self._current = self._load(model)
            return self._current.ready()
        if _same(self._current.model, model):
            return self._current.ready()
        if self._prepared is not None and _same(self._prepared.model, model):
            sizes, self._prepared = self._prepared, None
            return self._take_over(sizes)
        self._wanted = model
        self._begin(model)
        return None

    def prepare(self, model: ModelSettings) -> None:
        """Load this checkpoint, so that `want` finds it ready. What was prepared before and not wanted is freed."""
        if self._current is None or _same(self._current.model, model) or self._wanted is not None:
            return
        if self._prepared is not None and not _same(self._prepared.model, model):
            self._prepared.close()
            self._prepared = None
        if self._prepared is None:
            self._begin(model)

    def poll(self) -> list[EngineEvent]:
        """What has happened since the last call, for the session."""
        events: list[EngineEvent] = []
        if self._leaving is not None and self._clock() >= self._leaves_at:
            self._free_old()
        if not self._arrived.empty():
            events += self._take(self._arrived.get_nowait())
        if self._current is not None and (news := self._current.poll()) is not None:
            events.append(news)
        return events

    def worker(self, size: str) -> Worker | None:
        """The loaded size of that name, else the largest; None if no checkpoint can write."""
        if self._current is None:
            return None
        if self._leaving is not None:
            if size in self._leaving.names and size not in self._current.names:
                return self._leaving.worker(size)
            self._free_old()  # the session has heard of the new one, so that nothing more is asked of the old one
        return self._current.worker(size)

    # -- inside -------------------------------------------------------------------------------------------------------

    def _begin(self, model: ModelSettings) -> None:
        if self._loading is not None:
            self._next = None if _same(self._loading, model) else model
            return
        self._loading = model
        threading.Thread(target=self._run, args=(model,), name="another checkpoint", daemon=True).start()

    def _run(self, model: ModelSettings) -> None:
        """Run in a thread: load, and leave the result for `poll`."""
        try:
            self._arrived.put(_Loaded(model, self._load(model)))
        except Exception as error:  # whatever it is, the music goes on
            known = isinstance(error, FAULTS) and str(error)
            self._arrived.put(_Loaded(model, None, str(error).splitlines()[0] if known else type(error).__name__))

    def _take(self, loaded: _Loaded) -> list[EngineEvent]:
        self._loading = None
        wanted = self._wanted is not None and _same(self._wanted, loaded.model)
        following, self._next = self._next, None
        events: list[EngineEvent] = []
        if loaded.sizes is None:
            if wanted:
                self._wanted = None
                events.append(LoadFailed(loaded.model.checkpoint, loaded.reason))
        elif wanted:
            self._wanted = None
            events.append(self._take_over(loaded.sizes))
        elif following is None and self._wanted is None:
            self._prepared = loaded.sizes
        else:
            loaded.sizes.close()
        if following is not None:
            self._begin(following)
        return events

    def _take_over(self, sizes: LoadedSizes) -> EngineEvent:
        self._free_old()
        self._leaving, self._leaves_at = self._current, self._clock() + LEAVING_SECONDS
        self._current = sizes
        return sizes.ready()

    def _free_old(self) -> None:
        if self._leaving is not None:
            self._leaving.close()
            self._leaving = None


def _same(one: ModelSettings, other: ModelSettings) -> bool:
    return (one.checkpoint, one.engine) == (other.checkpoint, other.engine)
