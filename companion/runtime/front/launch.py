"""Starting a performance: a launcher that fronts call when they are ready to watch."""

from __future__ import annotations

from dataclasses import dataclass

from companion.runtime.front.performance import LaunchOptions, Performance


@dataclass(frozen=True, slots=True)
class Launcher:
    """What `companion jam` and `companion demo` hand to the screen: call it for a running Performance."""

    options: LaunchOptions

    def __call__(self) -> Performance:
        """Start the processes (returns at once; the first snapshot follows in some 0.4 s). Raises PortError, UsageError."""
        from companion.runtime.processes.live_performance import start

        return start(self.options)
