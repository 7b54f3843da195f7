"""A rectangle of characters and styles, drawn by pure functions and compared cell by cell. Knows nothing of widgets.

Only cells that differ are repainted. This keeps the screen cheap while a core is decoding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from rich.cells import cell_len
from rich.style import Style

NO_STYLE = Style.null()


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle of cells: column, row, width, height."""

    x: int
    y: int
    width: int
    height: int


class Canvas:
    """`height` rows of `width` cells. Writing outside is clipped, never an error."""

    __slots__ = ("chars", "height", "styles", "width")

    def __init__(self, width: int, height: int) -> None:
        self.width = max(width, 0)
        self.height = max(height, 0)
        self.chars = [[" "] * self.width for _ in range(self.height)]
        self.styles = [[NO_STYLE] * self.width for _ in range(self.height)]

    def copy(self) -> Canvas:
        """An independent copy."""
        twin = Canvas(0, 0)
        twin.width, twin.height = self.width, self.height
        twin.chars = [list(row) for row in self.chars]
        twin.styles = [list(row) for row in self.styles]
        return twin

    def put(self, x: int, y: int, text: str, style: Style = NO_STYLE, limit: int | None = None) -> int:
        """Write `text` at column x of row y, at most `limit` cells; returns the column after it."""
        cells = cells_of(text)
        if limit is not None and len(cells) > limit:
            cells = [*cells[: max(limit - 1, 0)], "…"] if limit > 0 else []
        end = x + len(cells)
        if 0 <= y < self.height and x < self.width and end > 0:
            cells = cells[max(-x, 0) : self.width - x]
            start = max(x, 0)
            self.chars[y][start : start + len(cells)] = cells
            self.styles[y][start : start + len(cells)] = [style] * len(cells)
        return end

    def put_spans(self, x: int, y: int, *spans: tuple[str, Style]) -> int:
        """Write styled pieces one after another; returns the column after the last."""
        for text, style in spans:
            x = self.put(x, y, text, style)
        return x

    def put_right(self, y: int, *spans: tuple[str, Style], end: int | None = None) -> int:
        """Write styled pieces so that they end before column `end` (the right edge); returns where they begin."""
        start = (self.width if end is None else end) - sum(len(cells_of(text)) for text, _ in spans)
        self.put_spans(start, y, *spans)
        return start

    def fill(self, area: Area, char: str, style: Style = NO_STYLE) -> None:
        """Fill an area with one character."""
        for y in range(area.y, area.y + area.height):
            self.put(area.x, y, char * area.width, style)

    def restyle(self, x: int, y: int, style: Style, width: int = 1) -> None:
        """Change the style of cells and leave their characters."""
        if 0 <= y < self.height:
            stop = min(x + width, self.width)
            self.styles[y][max(x, 0) : stop] = [style] * max(stop - max(x, 0), 0)

    def runs(self, y: int) -> Iterator[tuple[str, Style]]:
        """Row y as (text, style) pieces."""
        chars, start = self.chars[y], 0
        for style, group in groupby(self.styles[y]):
            end = start + sum(1 for _ in group)
            yield "".join(chars[start:end]), style
            start = end

    def text(self) -> str:
        """All rows as plain text, for tests and logs."""
        return "\n".join("".join(row).rstrip() for row in self.chars)


def cells_of(text: str) -> list[str]:
    """One entry a terminal cell: a wide character is followed by an empty entry; control and zero-width ones become "?"."""
    if text.isascii():
        return list(text) if text.isprintable() else [char if char.isprintable() else "?" for char in text]
    return list(_cells_of_any(text))


@lru_cache(maxsize=2048)
def _cells_of_any(text: str) -> tuple[str, ...]:
    """The same for text that is not plain. Letters made of blocks are the same in most pictures, and widths are slow to look up."""
    cells: list[str] = []
    for char in text:
        width = cell_len(char) if char.isprintable() else 0
        cells.append(char if width else "?")
        if width == 2:
            cells.append("")
    return tuple(cells)


def changed_areas(old: Canvas | None, new: Canvas) -> list[Area]:
    """The rectangles that differ; rows below one another with the same columns are one rectangle."""
    if old is None or (old.width, old.height) != (new.width, new.height):
        return [Area(0, 0, new.width, new.height)] if new.width and new.height else []
    areas: list[Area] = []
    for y in range(new.height):
        span = _changed_columns(old, new, y)
        if span is None:
            continue
        last = areas[-1] if areas else None
        if last is not None and last.y + last.height == y and (last.x, last.width) == (span[0], span[1] - span[0]):
            areas[-1] = Area(last.x, last.y, last.width, last.height + 1)
        else:
            areas.append(Area(span[0], y, span[1] - span[0], 1))
    return areas


def _changed_columns(old: Canvas, new: Canvas, y: int) -> tuple[int, int] | None:
    """First and one past the last differing column of row y, or None."""
    if old.chars[y] == new.chars[y] and old.styles[y] == new.styles[y]:
        return None
    columns = [
        x
        for x, cells in enumerate(zip(old.chars[y], new.chars[y], old.styles[y], new.styles[y], strict=True))
        if cells[0] != cells[1] or cells[2] != cells[3]
    ]
    return columns[0], columns[-1] + 1
