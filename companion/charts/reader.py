"""Reads a chord chart from a file or a text.

The format is described for players in docs/charts.md. `chart_text` turns lines into written bars, `chart_form` plays
repeats, endings and the form; this module puts the two together.
"""

from __future__ import annotations

from pathlib import Path

from companion.charts.chart import Chart
from companion.charts.form import play_form
from companion.charts.imports.ireal import choose_song, holds_ireal, read_playlist, song_text
from companion.charts.text import written_chart
from companion.errors import ChartError
from companion.music.text import decode_text, printable

MAX_CHART_BYTES = 256 * 1024
MAX_PLAYLIST_BYTES = 16 * 1024 * 1024


def read_chart(path: Path, song: str = "") -> Chart:
    """Read a chart file. Raises ChartError, which names the file and, if known, the line, bar and symbol.

    song: the song of a playlist to read, by number from 1 or by title.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_PLAYLIST_BYTES + 1)
    except OSError as error:
        raise ChartError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        text = decode_text(data[:MAX_PLAYLIST_BYTES])
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise ChartError(f"{path}: not a text file (expected a chord chart)")
    if holds_ireal(text):
        return read_ireal(text, str(path), song)
    if len(data) > MAX_CHART_BYTES:
        raise ChartError(f"{path}: too large for a chord chart (limit {MAX_CHART_BYTES // 1024} KiB)")
    if song:
        raise ChartError(f"{path}: one chart, not a playlist to choose {song!r} from")
    return parse_chart(text, str(path))


def read_ireal(text: str, name: str, song: str = "") -> Chart:
    """Read a song from the iReal Pro links in a text or page. Raises ChartError with a list of songs if one has to be chosen."""
    chosen = choose_song(read_playlist(text, name), song, name)
    return parse_chart(song_text(chosen), f"{name}: {chosen.title}")


def parse_chart(text: str, name: str = "chart") -> Chart:
    """Read a chart from its text. Errors call it `name`."""
    written = written_chart(text, name)
    return Chart(
        bars=play_form(written),
        title=printable(written.title),
        key=written.key,
        tempo=written.tempo,
        feel=written.feel,
    )
