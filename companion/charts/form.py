"""Plays repeats, endings and the form: turns the written bars into the bars in playing order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from companion.charts.chart import ChartBar
from companion.charts.roadmap import Directions, Jump, Until
from companion.charts.text import WrittenBar, WrittenChart
from companion.errors import ChartError

MAX_BARS = 2000


def play_form(chart: WrittenChart) -> tuple[ChartBar, ...]:
    """Return all bars in playing order. Raises ChartError for unclosed repeats, missing endings and unknown sections."""
    if not chart.form:
        return tuple(_play_page(chart, _signs_by_order(chart.bars)))
    for written in chart.bars:
        if written.directions.jump:
            what = "a form and D.C. or D.S. on one page contradict each other"
            raise chart.fault(written.bar.line, what, written.bar.number)
    sections = _written_sections(chart)
    played: list[ChartBar] = []
    for name in _form_names(chart, sections):
        bars = _play_page(chart, sections[name])
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


def _play_page(chart: WrittenChart, bars: Sequence[WrittenBar]) -> list[ChartBar]:
    """Read the page as a player does: go back at repeat signs, skip other endings, and follow the directions."""
    _check_repeats(chart, bars)
    _check_directions(chart, bars)
    walk = _Walk(chart, bars)
    while walk.index < len(bars):
        walk.play_bar()
        _check_length(chart, walk.played)
    return walk.played


@dataclass(slots=True)
class _Walk:
    """Where a player is on the page. start, time: the start and count of the current repeat. jump: the last jump taken."""

    chart: WrittenChart
    bars: Sequence[WrittenBar]
    index: int = 0
    start: int = 0
    time: int = 1
    jump: Jump | None = None
    taken: set[int] = field(default_factory=set)
    played: list[ChartBar] = field(default_factory=list)

    def play_bar(self) -> None:
        """Play the current bar and move to the bar that follows it. The chart ends after the last bar."""
        if self.bars[self.index].repeat_open and self.index != self.start:
            self.start, self.time = self.index, 1
        if self.jump and self.bars[self.index].endings:  # repeats are not played again after a jump
            self.time = max(_ending_numbers_from(self.bars, self.index))
        if self.bars[self.index].endings and self.time not in self.bars[self.index].endings:
            self.index = _ending_for(self.chart, self.bars, self.index, self.time)
        written = self.bars[self.index]
        self.played.append(written.bar)
        if written.repeat_close and not self.jump and self.time < _times(self.bars, self.start, self.index):
            self.time, self.index = self.time + 1, self.start
            return
        self._follow(written.directions)
        if written.repeat_close and self.index < len(self.bars):
            self.start, self.time = self.index, 1

    def _follow(self, directions: Directions) -> None:
        """Go to the bar after this one, unless a direction says otherwise."""
        jump, here = self.jump, self.index
        self.index += 1
        if jump and jump.until == "fine" and directions.fine:
            self.index = len(self.bars)
        elif jump and jump.until == "coda" and directions.to_coda:
            self.index = _coda(self.bars, here)
            self.jump, self.start, self.time = None, self.index, 1
        elif jump and jump.until == "ending" and self._past_the_ending(here):
            self.index = len(self.bars)
        elif directions.jump and here not in self.taken:
            self.taken.add(here)
            self.jump = replace(directions.jump, until=directions.jump.until or _implied_end(self.bars))
            self.index = _segno(self.bars, here) if directions.jump.to_segno else int(self.chart.pickup)
            self.start, self.time = self.index, 1
        elif directions.jump and jump and jump.until:  # read a second time, with nothing found in between
            self.index = len(self.bars)

    def _past_the_ending(self, here: int) -> bool:
        """Whether the last ending is over, because something else begins after this bar."""
        inside = any(written.endings for written in self.bars[: here + 1])
        following = self.bars[here + 1] if here + 1 < len(self.bars) else None
        return inside and self.time > 1 and (following is None or bool(following.bar.section or following.repeat_open))


def _signs_by_order(bars: Sequence[WrittenBar]) -> list[WrittenBar]:
    """Read the first of two bare coda signs as "to coda": it marks the jump to the coda, as on printed pages."""
    codas = [index for index, written in enumerate(bars) if written.directions.coda]
    leaving = any(written.directions.to_coda for written in bars)
    result = list(bars)
    if len(codas) >= 2 and codas[0] > 0 and not leaving:
        first, before = bars[codas[0]], bars[codas[0] - 1]
        result[codas[0]] = replace(first, directions=replace(first.directions, coda=False))
        result[codas[0] - 1] = replace(before, directions=replace(before.directions, to_coda=True))
    return result


def _segno(bars: Sequence[WrittenBar], before: int) -> int:
    return max(index for index, written in enumerate(bars[: before + 1]) if written.directions.segno)


def _coda(bars: Sequence[WrittenBar], after: int) -> int:
    return next(index for index, written in enumerate(bars) if index > after and written.directions.coda)


def _implied_end(bars: Sequence[WrittenBar]) -> Until:
    """Return where a bare D.C. or D.S. ends: at the fine or through the coda, if the page has one."""
    if any(written.directions.to_coda for written in bars):
        return "coda"
    return "fine" if any(written.directions.fine for written in bars) else ""


def _ending_numbers_from(bars: Sequence[WrittenBar], index: int) -> set[int]:
    """Return the numbers of this ending and of the other endings of the same repeat."""
    numbers: set[int] = set(bars[index].endings)
    for written in bars[index + 1 :]:
        if written.repeat_open or numbers & set(written.endings):
            break
        numbers |= set(written.endings)
    return numbers


def _times(bars: Sequence[WrittenBar], start: int, close: int) -> int:
    """Return how often the repeat is played: as often as its sign says, or once for every numbered ending."""
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


def _check_directions(chart: WrittenChart, bars: Sequence[WrittenBar]) -> None:
    """Refuse jumps that have nowhere to go, and signs that nothing leads to."""
    jumps = [(index, written) for index, written in enumerate(bars) if written.directions.jump]
    for index, written in jumps:
        jump = written.directions.jump
        assert jump is not None
        until = jump.until or _implied_end(bars)
        missing = ""
        if jump.to_segno and not any(other.directions.segno for other in bars[: index + 1]):
            missing = "no segno (%S%) stands before it"
        elif until == "coda" and not any(other.directions.to_coda for other in bars[: index + 1]):
            missing = "no 'To Coda' stands before it"
        elif until == "coda" and not any(other.directions.coda for other in bars[index:]):
            missing = "no coda (%C% or [Coda]) follows"
        elif until == "fine" and not any(other.directions.fine for other in bars):
            missing = "no 'Fine' is on the page"
        if missing:
            raise chart.fault(written.bar.line, f"{jump.text}: {missing}", written.bar.number)
    for written in bars:
        if written.directions.to_coda and not jumps:
            raise chart.fault(written.bar.line, "'To Coda' without D.C. or D.S.", written.bar.number)


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
