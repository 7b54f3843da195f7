"""Starts a performance: a front calls the launcher when it is ready to show one."""

from __future__ import annotations

from dataclasses import dataclass

from companion.runtime.front.performance import LaunchOptions, Performance


@dataclass(frozen=True, slots=True)
class Launcher:
    """What `companion jam` and `companion demo` hand to the screen: call it for a running Performance."""

    options: LaunchOptions

    def __call__(self) -> Performance:
        """See `start_performance`."""
        return start_performance(self.options)


def start_performance(options: LaunchOptions) -> Performance:
    """Start the processes, the OSC server where one is asked for, and the socket for further screens.

    Returns at once; the first snapshot follows in some 0.4 s. Raises PortError and UsageError.
    """
    from companion.runtime.processes.live_performance import start
    from companion.runtime.remote.led import LedPerformance

    return LedPerformance(lambda: start(options), options.osc)
