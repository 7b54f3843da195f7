"""Reading a chord chart from a file or a text.

The format is described for players in docs/charts.md. `chart_text` turns lines into written bars, `chart_form` plays
repeats, endings and the form; this module puts the two together.
"""

from __future__ import annotations

from pathlib import Path

from companion.charts.chart import Chart
from companion.charts.encodings import decode_text
from companion.charts.form import play_form
from companion.charts.text import written_chart
from companion.errors import ChartError

MAX_CHART_BYTES = 256 * 1024


def read_chart(path: Path) -> Chart:
    """Read a chart file; ChartError names the file and, where it has one, the line, bar and symbol."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_CHART_BYTES + 1)
    except OSError as error:
        raise ChartError(f"{path}: cannot be read: {error.strerror}") from None
    if len(data) > MAX_CHART_BYTES:
        raise ChartError(f"{path}: too large for a chord chart (limit {MAX_CHART_BYTES // 1024} KiB)")
    try:
        text = decode_text(data)
    except (ValueError, UnicodeDecodeError):
        raise ChartError(f"{path}: not a text file (expected a chord chart)") from None
    return parse_chart(text, str(path))


def parse_chart(text: str, name: str = "chart") -> Chart:
    """Read a chart from its text; `name` is what errors call it."""
    written = written_chart(text, name)
    return Chart(
        bars=play_form(written),
        title=written.title,
        key=written.key,
        tempo=written.tempo,
        feel=written.feel,
    )
