"""A widget that shows a canvas and repaints only the cells that changed."""

from __future__ import annotations

from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from companion.tui.canvas import NO_STYLE, Canvas, changed_areas


class CanvasPane(Widget):
    """Shows the last painted canvas; anything outside it is blank."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._canvas: Canvas | None = None
        self._strips: dict[int, Strip] = {}

    @property
    def canvas(self) -> Canvas | None:
        """What is on screen, for tests."""
        return self._canvas

    def paint(self, canvas: Canvas) -> int:
        """Show `canvas`; returns how many rectangles had to be repainted."""
        areas = changed_areas(self._canvas, canvas)
        for area in areas:
            for y in range(area.y, area.y + area.height):
                self._strips.pop(y, None)
        whole = self._canvas is None or (self._canvas.width, self._canvas.height) != (canvas.width, canvas.height)
        self._canvas = canvas
        if whole:
            self._strips.clear()
            self.refresh()
        elif areas:
            self.refresh(*(Region(area.x, area.y, area.width, area.height) for area in areas))
        return len(areas)

    def render_line(self, y: int) -> Strip:
        """One row as a strip; built once for each change."""
        if self._canvas is None or y >= self._canvas.height:
            return Strip.blank(self.size.width, NO_STYLE)
        strip = self._strips.get(y)
        if strip is None:
            segments = [Segment(text, style) for text, style in self._canvas.runs(y)]
            strip = self._strips[y] = Strip(segments, self._canvas.width)
        return strip.adjust_cell_length(self.size.width, NO_STYLE)  # without a colour here, NO_COLOR makes Textual fail
