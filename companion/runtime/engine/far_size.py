"""The size that an engine on another machine holds, beside the sizes that are loaded here. Part of the engine process.

It turns what the guest's end of the network says into the engine's events. Nothing here waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from companion.runtime.remote_engine.conversation import Arrived, Gone, News, Told
from companion.session.api.effects import Cancel, Generate, Job, Prefill
from companion.session.api.engine_events import EngineEvent, LoadedSize, SizeLost

if TYPE_CHECKING:
    pass


class Network(Protocol):
    """What is needed of `companion.runtime.remote_engine.guest.Guest`."""

    @property
    def sockets(self) -> list[Any]:
        """What to wait for, as ZeroMQ's sockets."""
        ...

    def ask(self, effect: Generate | Prefill | Cancel) -> bool:
        """Pass a request on; False if the host is not there."""
        ...

    def poll(self) -> list[News]:
        """What has come."""
        ...

    def close(self) -> None:
        """Say goodbye."""
        ...


class FarSize:
    """See the module. loaded: the size, () while it is out of reach."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self.loaded: tuple[LoadedSize, ...] = ()
        self._remarks: list[str] = []

    @property
    def sockets(self) -> list[Any]:
        """What to wait for."""
        return self._network.sockets

    def writes(self, job: Job) -> bool:
        """Whether a job is for the size on the other machine."""
        return any(size.checkpoint.name == job.size for size in self.loaded)

    def ask(self, effect: Generate | Prefill | Cancel) -> None:
        """Pass a request on. If the host has just gone, the session is told so anyway."""
        self._network.ask(effect)

    def look(self) -> tuple[list[EngineEvent], bool]:
        """(events for the session, whether the loaded sizes or the remarks have changed)."""
        events: list[EngineEvent] = []
        changed = False
        for news in self._network.poll():
            if isinstance(news, Arrived):
                self.loaded = (news.loaded,)
                self._remarks += news.remarks
                changed = True
            elif isinstance(news, Gone):
                events += [SizeLost(size.checkpoint.name, news.reason) for size in self.loaded]
                self.loaded = ()
            elif isinstance(news, Told):
                self._remarks.append(news.text)
                changed = True
            else:
                events.append(news)
        return events, changed

    def take_remarks(self) -> list[str]:
        """What the player should know; each line once."""
        remarks, self._remarks = self._remarks, []
        return remarks

    def close(self) -> None:
        """Say goodbye."""
        self._network.close()
