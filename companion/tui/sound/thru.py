"""Asks once whether a MIDI keyboard is to be heard through our sound, because it may have its own loudspeakers."""

from __future__ import annotations

from collections.abc import Callable

from companion.session.api.snapshot import Snapshot

_INPUT = "in:"


class ThruQuestion:
    """Looks at snapshots until there is something to ask or to do. wish_for: returns the earlier answer, None = never asked."""

    def __init__(self, wish_for: Callable[[str], bool | None]) -> None:
        self._wish_for = wish_for
        self._settled: set[str] = set()

    def look(self, snapshot: Snapshot, *, sounds: bool) -> tuple[str, bool | None] | None:
        """Return (keyboard, earlier answer) for a newly connected keyboard, or None if there is nothing to do.

        The answer is None if the player must be asked. Nothing is asked while music runs, while thru is on, or if there is no sound.
        """
        if not sounds or snapshot.thru or snapshot.transport.state == "running":
            return None
        for port, connected in snapshot.ports.items():
            keyboard = port.removeprefix(_INPUT)
            if connected and port.startswith(_INPUT) and keyboard not in self._settled and not _is_ours(keyboard):
                self._settled.add(keyboard)
                return keyboard, self._wish_for(keyboard)
        return None


def question(keyboard: str) -> str:
    """Return the question, for a box of 70 columns."""
    return f"Let {keyboard[:24]} be heard here? (no: it has its own speakers)"


def _is_ours(port: str) -> bool:
    """Whether this is our own port. Notes that arrive there come from another program, which sounds them itself."""
    return port.startswith("companion")
