"""Lines of a chord chart → header and written bars. Repeats and endings are noted here and played by `chart_form`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from companion.charts.chart import ChartBar, ChartChord
from companion.errors import ChartError
from companion.harmony.symbols import is_no_chord, parse_chord
from companion.music import TimeSignature

FEELS = {
    "straight": "straight", "even": "straight", "rock": "straight", "bossa": "straight", "latin": "straight",
    "ballad": "straight", "waltz": "straight", "swing": "swing", "shuffle": "swing", "jazz": "swing",
}  # fmt: skip
HEADERS = ("title", "composer", "key", "meter", "tempo", "feel", "form")
_SYNONYMS = {"time": "meter", "metre": "meter", "bpm": "tempo", "style": "feel"}

_BARLINE = re.compile(r"(?P<close>:)?\|{1,2}(?:\]|(?P<open>:))?(?:\s*[x×]\s*(?P<times>\d+))?")
_SECTION = re.compile(r"^(?:\[(?P<boxed>[^\]|]+)\]|(?P<named>[A-Za-z][\w' ]*):(?=\s+\||\s*$))\s*")
_HEADER = re.compile(r"^(?P<name>[A-Za-z]+)\s*[:=]\s*(?P<value>.*)$")
_NEXT_HEADER = re.compile(rf"[;,]\s*(?=(?:{'|'.join((*HEADERS, *_SYNONYMS))})\s*[:=])", re.IGNORECASE)
_ENDING = re.compile(r"^(\d+(?:,\d+)*)\.?(?=\s|$)")
_KEY = re.compile(r"^[A-G][#b]?(m|min|minor|-| minor| major|maj)?$")


@dataclass(frozen=True, slots=True)
class WrittenBar:
    """A bar as it stands on the page. repeat_close: how many times the repeat that ends here is played (0 = none)."""

    bar: ChartBar
    repeat_open: bool = False
    repeat_close: int = 0
    endings: tuple[int, ...] = ()


@dataclass(slots=True)
class WrittenChart:
    """The page: header values and bars in written order."""

    name: str
    title: str = ""
    key: str = ""
    tempo: float = 120.0
    feel: str = "straight"
    form: tuple[str, ...] = ()
    form_line: int = 0
    bars: list[WrittenBar] = field(default_factory=list)

    def fault(self, line: int, what: str, bar: int | None = None) -> ChartError:
        """The error for this line and bar."""
        return ChartError(f"{self.name} line {line}{'' if bar is None else f', bar {bar}'}: {what}")


def written_chart(text: str, name: str) -> WrittenChart:
    """Read the page; ChartError for whatever is not understood."""
    reader = _Reader(WrittenChart(name))
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if line and not line.startswith("#"):
            reader.read_line(number, line)
    if not reader.chart.bars:
        raise ChartError(f"{name}: no bars (write them between bar lines: | C | Am7 | Dm7 G7 | C6 |)")
    return reader.chart


class _Reader:
    """The state that lines hand on: meter, pending section, tempo and repeat sign, and the last bar's chords."""

    def __init__(self, chart: WrittenChart) -> None:
        self.chart = chart
        self._meter = TimeSignature(4, 4)
        self._section = ""
        self._tempo: float | None = None
        self._repeat_open = False

    def read_line(self, number: int, line: str) -> None:
        if (section := _SECTION.match(line)) and not (section["named"] and self._is_header(section["named"])):
            self._section = (section["boxed"] or section["named"]).strip()
            line = line[section.end() :].strip()
            if not line:
                return
        if "|" in line:
            self._read_bars(number, line)
        elif _HEADER.match(line):
            for part in _NEXT_HEADER.split(line):
                self._read_header(number, part.strip())
        elif not self.chart.bars and not self.chart.title:
            self.chart.title = line
        else:
            raise self.chart.fault(
                number, f"{line[:40]!r}: neither bars (| C | G7 |), a [Section] nor a header (Key: F)"
            )

    # --- header lines -------------------------------------------------------------------------------------------------

    @staticmethod
    def _is_header(name: str) -> bool:
        return _SYNONYMS.get(name.lower(), name.lower()) in HEADERS

    def _read_header(self, line: int, text: str) -> None:
        match = _HEADER.match(text)
        name = _SYNONYMS.get(match["name"].lower(), match["name"].lower()) if match else ""
        if not match or name not in HEADERS:
            raise self.chart.fault(line, f"{text[:40]!r}: no such header (known: {', '.join(HEADERS)})")
        value = match["value"].strip()
        if name == "title":
            self.chart.title = value
        elif name == "key":
            if not _KEY.match(value):
                raise self.chart.fault(line, f"key {value!r}: expected something like F, Bb or Am")
            self.chart.key = self.chart.key or re.sub(r"(-| minor|minor|min)$", "m", value).split()[0]
        elif name == "meter":
            self._meter = self._read_meter(line, value)
        elif name == "tempo":
            self._read_tempo(line, value)
        elif name == "feel":
            if value.lower() not in FEELS:
                raise self.chart.fault(line, f"feel {value!r}: expected one of {', '.join(FEELS)}")
            self.chart.feel = FEELS[value.lower()]
        elif name == "form":
            self.chart.form, self.chart.form_line = tuple(re.split(r"[\s,\-]+", value)), line

    def _read_meter(self, line: int, value: str) -> TimeSignature:
        try:
            meter = TimeSignature.parse(value)
        except ValueError:
            meter = TimeSignature(0, 0)
        if not (1 <= meter.numerator <= 17 and meter.denominator in (1, 2, 4, 8, 16)):
            raise self.chart.fault(line, f"meter {value!r}: expected something like 4/4, 3/4 or 6/8")
        return meter

    def _read_tempo(self, line: int, value: str) -> None:
        number = re.fullmatch(r"(?:♩|q|quarter)?\s*=?\s*(\d+(?:\.\d+)?)\s*(?:bpm)?", value, re.IGNORECASE)
        tempo = float(number.group(1)) if number else 0.0
        if not 20 <= tempo <= 400:
            raise self.chart.fault(line, f"tempo {value!r}: expected quarter notes a minute, 20 to 400")
        if self.chart.bars:
            self._tempo = tempo
        else:
            self.chart.tempo = tempo

    # --- bars ---------------------------------------------------------------------------------------------------------

    def _read_bars(self, line: int, text: str) -> None:
        for bar_text, before, after in _between_barlines(text):
            if before and before["open"]:
                self._repeat_open = True
            plain = (not before or before.group() == "|") and (not after or after.group() == "|")
            if bar_text or (plain and before and after):
                self._add_bar(line, bar_text, after)
            elif after and after["close"] and self.chart.bars:  # a repeat sign that opens the next line
                self.chart.bars[-1] = self._closed(self.chart.bars[-1], after)

    def _add_bar(self, line: int, text: str, after: re.Match[str] | None) -> None:
        number = len(self.chart.bars) + 1
        endings: tuple[int, ...] = ()
        if ending := _ENDING.match(text):
            endings = tuple(int(part) for part in ending.group(1).split(","))
            text = text[ending.end() :].strip()
        chords = self._read_chords(line, number, text)
        bar = ChartBar(chords, self._meter, number, line, self._section, self._tempo)
        written = WrittenBar(bar, self._repeat_open, 0, endings)
        self.chart.bars.append(self._closed(written, after) if after and after["close"] else written)
        self._section, self._tempo, self._repeat_open = "", None, False

    def _closed(self, written: WrittenBar, barline: re.Match[str]) -> WrittenBar:
        times = int(barline["times"] or 2)
        if not 2 <= times <= 64:
            raise self.chart.fault(written.bar.line, f"repeat x{times}: expected 2 to 64", written.bar.number)
        return WrittenBar(written.bar, written.repeat_open, times, written.endings)

    def _read_chords(self, line: int, number: int, text: str) -> tuple[ChartChord, ...]:
        symbols = text.split()
        if symbols in ([], ["%"]):
            return self._repeated_bar(line, number)
        chords: list[ChartChord] = []
        for beat, symbol in zip(self._beats(line, number, symbols), symbols, strict=True):
            if symbol == "/":
                if not chords and beat == 0:
                    chords.extend(self._carried(line, number))
                continue
            chords.append(self._read_symbol(line, number, beat, symbol))
        return tuple(chords)

    def _read_symbol(self, line: int, number: int, beat: Fraction, symbol: str) -> ChartChord:
        if symbol.startswith("(") and symbol.endswith(")"):
            symbol = symbol[1:-1]
        if is_no_chord(symbol):
            return ChartChord(beat, "N.C.", None)
        if symbol == "%":
            raise self.chart.fault(line, "'%' repeats a whole bar and stands alone in it", number)
        try:
            return ChartChord(beat, symbol, parse_chord(symbol))
        except ValueError as reason:
            raise self.chart.fault(line, f"chord {symbol!r}: {reason}", number) from None

    def _beats(self, line: int, number: int, symbols: list[str]) -> list[Fraction]:
        """Where each symbol falls: with slashes one beat each, otherwise shared out, the earlier ones longer."""
        pulses, unit = _pulses(self._meter)
        count = len(symbols)
        if count > pulses:  # four chords in 6/8, six in 3/4: on half beats
            pulses, unit = 2 * pulses, unit / 2
        if count > pulses or ("/" in symbols and count != pulses and count > _pulses(self._meter)[0]):
            raise self.chart.fault(line, f"{count} chords or slashes in a bar of {self._meter}: too many", number)
        if "/" in symbols:
            return [index * unit for index in range(count)]
        return [-(-index * pulses // count) * unit for index in range(count)]

    def _carried(self, line: int, number: int) -> tuple[ChartChord, ...]:
        """The chord still sounding from the bar before, on this bar's line."""
        if not self.chart.bars:
            raise self.chart.fault(line, "nothing to repeat before the first bar", number)
        last = self.chart.bars[-1].bar.chords[-1]
        return (ChartChord(Fraction(0), last.symbol, last.chord),)

    def _repeated_bar(self, line: int, number: int) -> tuple[ChartChord, ...]:
        if self.chart.bars and self.chart.bars[-1].bar.time_signature == self._meter:
            return self.chart.bars[-1].bar.chords
        return self._carried(line, number)


def _pulses(meter: TimeSignature) -> tuple[int, Fraction]:
    """How many beats a player counts in the bar, and the length of one in quarter notes (6/8 has two of 3/2)."""
    if meter.denominator >= 8 and meter.numerator % 3 == 0:
        return meter.numerator // 3, Fraction(12, meter.denominator)
    return meter.numerator, Fraction(4, meter.denominator)


def _between_barlines(text: str) -> Iterator[tuple[str, re.Match[str] | None, re.Match[str] | None]]:
    """(text, bar line before, bar line after) for every stretch of a line."""
    before: re.Match[str] | None = None
    at = 0
    for barline in _BARLINE.finditer(text):
        yield text[at : barline.start()].strip(), before, barline
        before, at = barline, barline.end()
    yield text[at:].strip(), before, None
