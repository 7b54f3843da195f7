"""The recent notices of the performance with their age. Equal notices in a row are shown as one. Pure; time is passed in."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace

from rich.style import Style

from companion.tui import palette

KEPT = 6
NEW_SECONDS, OLD_SECONDS = 12.0, 90.0  # a notice has been read after the first, and is dropped after the second
STYLES: dict[str, Style] = {"info": palette.BOLD, "warning": palette.WARN, "error": palette.BAD}


@dataclass(frozen=True, slots=True)
class Said:
    """One line, how often it came in a row, and when it came last."""

    text: str
    level: str
    seconds: float
    count: int = 1

    @property
    def shown(self) -> str:
        """The line with its count."""
        return f"{self.text} (×{self.count})" if self.count > 1 else self.text


@dataclass(slots=True)
class NoticeBoard:
    """The last few notices."""

    _said: deque[Said] = field(default_factory=lambda: deque(maxlen=KEPT))

    def add(self, text: str, level: str, now: float) -> None:
        """Add a notice."""
        if self._said and self._said[-1].text == text:
            last = self._said.pop()
            self._said.append(replace(last, seconds=now, count=last.count + 1))
        else:
            self._said.append(Said(text, level, now))

    def lines(self, now: float) -> tuple[tuple[str, Style], ...]:
        """The notices to show, newest first: in the style of their level, or faint after they have been read."""
        return tuple(
            (said.shown, STYLES.get(said.level, palette.BOLD) if now - said.seconds < NEW_SECONDS else palette.DIM)
            for said in reversed(self._said)
            if now - said.seconds < OLD_SECONDS
        )

    def clear(self) -> None:
        """Remove all notices, because another performance begins."""
        self._said.clear()
