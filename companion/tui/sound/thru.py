"""Whether a MIDI keyboard is passed on to the sound. It may have loudspeakers of its own, so the player is asked, once."""

from __future__ import annotations

from collections.abc import Callable

from companion.session.api.snapshot import Snapshot

_INPUT = "in:"


class ThruQuestion:
    """Looks at pictures until there is something to ask or to do. wish_for: the answer that was given before, None = never asked."""

    def __init__(self, wish_for: Callable[[str], bool | None]) -> None:
        self._wish_for = wish_for
        self._settled: set[str] = set()

    def look(self, snapshot: Snapshot, *, sounds: bool) -> tuple[str, bool | None] | None:
        """(keyboard, its answer or None if it must be asked) for a keyboard that has come; None when there is nothing to do.

        Nothing is asked while music runs, while thru is on already, and where there is no sound to pass on to.
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
    """In words, for a box of 70 columns."""
    return f"Let {keyboard[:24]} be heard here? (no: it has its own speakers)"


def _is_ours(port: str) -> bool:
    """Whether this is the port that we offer: what comes in there, another program plays and sounds."""
    return port.startswith("companion")
