"""What a player names to practise with: a file, a shipped chart or a link. Finds it, and reads a chart or song from it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from companion.charts.reader import read_chart, read_ireal
from companion.errors import UsageError
from companion.practice.chart_song import chart_to_song
from companion.resources import configs_dir
from companion.session.api.settings import Song

SCORE_SUFFIXES = (".mid", ".midi", ".kar", ".smf", ".rmi", ".musicxml", ".xml", ".mxl")


def find_source(source: str | None, folder: Path = Path()) -> Path:
    """Find a file, or a shipped chart by name. folder: where relative names begin. Raises UsageError, which lists the shipped charts."""
    charts = sorted((configs_dir() / "charts").glob("*.txt"))
    names = ", ".join(path.stem for path in charts)
    if source is None:
        raise UsageError(f"practice what? Name a MIDI file, a chord chart or a shipped chart: {names}")
    path = folder / Path(source).expanduser()
    if path.exists():
        return path
    for chart in charts:
        if source in (chart.stem, chart.name):
            return chart
    raise UsageError(f"{source}: no such file, and no shipped chart of that name ({names})")


def is_chart(path: Path) -> bool:
    """Whether a file is a chart, judged by its suffix, or by its first bytes if the suffix is unknown."""
    if path.suffix.lower() in SCORE_SUFFIXES:
        return False
    if path.is_dir():
        raise UsageError(f"{path} is a folder (expected a MIDI file or a chord chart)")
    try:
        with path.open("rb") as file:
            return file.read(4) not in (b"MThd", b"RIFF")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None


def is_link(source: str | None) -> bool:
    """Whether this is an iReal Pro link and not a file."""
    return source is not None and source.startswith(("irealb://", "irealbook://"))


def link_song(link: str, wanted: str = "") -> Song:
    """The song of an iReal Pro link. wanted: which song of a playlist. Raises ChartError."""
    return chart_to_song(read_ireal(link, "link", wanted))


def chart_song(path: Path, wanted: str = "") -> Song:
    """The song of a chart. Raises ChartError."""
    song = chart_to_song(read_chart(path, wanted))
    return song if song.title else replace(song, title=path.stem)
