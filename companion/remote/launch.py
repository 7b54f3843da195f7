"""Starting a performance that can also be led from elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from companion.remote.osc import OscServer, parse_address
from companion.remote.shared import SharedPerformance
from companion.runtime.front.performance import LaunchOptions, Performance


@dataclass(frozen=True, slots=True)
class RemoteOptions:
    """Which doors are opened. osc: "" = none, else PORT or HOST:PORT."""

    osc: str = ""


@dataclass(frozen=True, slots=True)
class RemoteLauncher:
    """A launcher around another one: starts the performance, and the servers beside it. `options` are the inner launcher's."""

    start: Callable[[], Performance]
    options: LaunchOptions
    remote: RemoteOptions = field(default_factory=RemoteOptions)

    def __call__(self) -> Performance:
        """Start everything. Raises UsageError where an address cannot be used; then no performance is started."""
        host, port = parse_address(self.remote.osc)
        return LedPerformance(self.start, host, port)


class LedPerformance(SharedPerformance):
    """A shared performance with its OSC server, which ends with it."""

    def __init__(self, start: Callable[[], Performance], host: str, port: int) -> None:
        super().__init__(start())
        try:
            self._server = OscServer(self.observe(), host, port)
        except Exception:
            super().stop()
            raise
        self._server.start()

    def stop(self) -> None:
        """Close the doors, then end the performance."""
        self._server.stop()
        super().stop()
