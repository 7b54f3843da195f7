"""Collects the faults of a readable file into one remark for the player."""

from __future__ import annotations

KINDS_NAMED = 3


class Faults:
    """Counts faults by kind and remembers where each kind was first met."""

    def __init__(self) -> None:
        self._kinds: dict[str, tuple[int, str]] = {}
        self.place = ""

    def add(self, kind: str) -> None:
        """Add a fault of a kind, at the current place (such as "track 3")."""
        count, place = self._kinds.get(kind, (0, self.place))
        self._kinds[kind] = (count + 1, place)

    @property
    def count(self) -> int:
        """The number of faults so far."""
        return sum(count for count, _ in self._kinds.values())

    def copy(self) -> dict[str, tuple[int, str]]:
        """A copy for `restore`, for a reader that tries again."""
        return dict(self._kinds)

    def restore(self, kinds: dict[str, tuple[int, str]]) -> None:
        """Forget what was added since `copy`."""
        self._kinds = dict(kinds)

    def remark(self) -> str:
        """One line, or nothing for a file without faults."""
        if not self._kinds:
            return ""
        named = [_phrase(kind, *self._kinds[kind]) for kind in list(self._kinds)[:KINDS_NAMED]]
        more = len(self._kinds) - KINDS_NAMED
        if more > 0:
            named.append(f"{more} more {'kind' if more == 1 else 'kinds'} of fault")
        return f"the file is damaged, the rest of it is used: {'; '.join(named)}"


def _phrase(kind: str, count: int, place: str) -> str:
    times = f" ({count} times)" if count > 1 else ""
    where = f"{'first in ' if count > 1 else 'in '}{place}" if place else ""
    return f"{kind}{times}{', ' + where if where else ''}"
