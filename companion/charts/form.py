"""Repeats, endings and the form: written bars → the bars in the order they are played."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from companion.charts.chart import ChartBar
from companion.charts.text import WrittenBar, WrittenChart
from companion.errors import ChartError

MAX_BARS = 2000


def play_form(chart: WrittenChart) -> tuple[ChartBar, ...]:
    """All bars in playing order; ChartError for repeats that do not close, missing endings and unknown sections."""
    if not chart.form:
        return tuple(_play_repeats(chart, chart.bars))
    sections = _written_sections(chart)
    played: list[ChartBar] = []
    for name in _form_names(chart, sections):
        bars = _play_repeats(chart, sections[name])
        played.extend((replace(bars[0], section=name), *bars[1:]))
        _check_length(chart, played)
    return tuple(played)


def _form_names(chart: WrittenChart, sections: dict[str, list[WrittenBar]]) -> list[str]:
    """The form's section names; "AABA" in one word is read letter by letter."""
    names = list(chart.form)
    if len(names) == 1 and names[0] not in sections and all(letter in sections for letter in names[0]):
        names = list(names[0])
    for name in names:
        if name not in sections:
            known = ", ".join(sections) or "none: name them like [A]"
            raise chart.fault(chart.form_line, f"form: no section {name!r} (sections: {known})")
    return names


def _written_sections(chart: WrittenChart) -> dict[str, list[WrittenBar]]:
    sections: dict[str, list[WrittenBar]] = {}
    current: list[WrittenBar] = []
    for written in chart.bars:
        if written.bar.section:
            if written.bar.section in sections:
                raise chart.fault(
                    written.bar.line,
                    f"section {written.bar.section!r} is written twice; with a form write it once",
                    written.bar.number,
                )
            current = sections.setdefault(written.bar.section, [])
        current.append(written)
    return sections


def _play_repeats(chart: WrittenChart, bars: Sequence[WrittenBar]) -> list[ChartBar]:
    """Walk over the page as a player does: back at repeat signs, over the endings that are not this time's."""
    _check_repeats(chart, bars)
    played: list[ChartBar] = []
    start, time, index = 0, 1, 0
    while index < len(bars):
        written = bars[index]
        if written.repeat_open and index != start:
            start, time = index, 1
        if written.endings and time not in written.endings:
            index = _ending_for(chart, bars, index, time)
            written = bars[index]
        played.append(written.bar)
        _check_length(chart, played)
        if written.repeat_close and time < _times(bars, start, index):
            time, index = time + 1, start
            continue
        index += 1
        if written.repeat_close:
            start, time = index, 1
    return played


def _times(bars: Sequence[WrittenBar], start: int, close: int) -> int:
    """How often the repeat is played: as its sign says, or once for every numbered ending."""
    endings = [number for written in bars[start : close + 1] for number in written.endings]
    following = bars[close + 1].endings if close + 1 < len(bars) and endings else ()
    return max((*endings, *following), default=bars[close].repeat_close)


def _ending_for(chart: WrittenChart, bars: Sequence[WrittenBar], index: int, time: int) -> int:
    for later in range(index, len(bars)):
        if time in bars[later].endings:
            return later
        if later > index and bars[later].repeat_open:
            break
    bar = bars[index].bar
    raise chart.fault(bar.line, f"no ending for time {time} of this repeat", bar.number)


def _check_repeats(chart: WrittenChart, bars: Sequence[WrittenBar]) -> None:
    opened: WrittenBar | None = None
    for written in bars:
        if written.repeat_open:
            if opened:
                raise chart.fault(written.bar.line, "a repeat inside a repeat", written.bar.number)
            opened = written
        if written.repeat_close:
            opened = None
    if opened:
        raise chart.fault(opened.bar.line, "the repeat |: that opens here is never closed with :|", opened.bar.number)


def _check_length(chart: WrittenChart, played: Sequence[ChartBar]) -> None:
    if len(played) > MAX_BARS:
        raise ChartError(f"{chart.name}: more than {MAX_BARS} bars with all repeats")
