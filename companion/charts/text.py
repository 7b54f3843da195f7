"""Reads the lines of a chord chart into a header and written bars. It notes repeats and endings, and `charts.form` plays them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction

from companion.charts import header
from companion.charts.chart import ChartBar, ChartChord
from companion.charts.roadmap import Directions, find_directions, section_directions
from companion.charts.words import chart_lines
from companion.errors import ChartError
from companion.harmony.spelling import BASS
from companion.harmony.symbols import is_no_chord, parse_chord
from companion.music import TimeSignature
from companion.music.text import printable

_BARLINE = re.compile(r"(?P<close>:)?\|{1,2}(?:\]|(?P<open>:))?(?:\s*[x×]\s*(?P<times>\d+))?")
_SECTION = re.compile(r"^(?:\[(?P<boxed>[^\]|]+)\]|(?P<named>[A-Za-z][\w' ]*):(?=\s+\||\s*$))\s*")
_ENDING = re.compile(r"^\[?(\d+(?:[,\-]\d+)*)\.?\]?(?=\s|$)")
# A symbol may have blanks within brackets: C7(b9, b13).
_SYMBOL = re.compile(r"(?:[^\s()]|\((?:[^()]|\([^()]*\))*\))+|[()]")
_NO_CHORD_WORDS = re.compile(r"\bno chord\b", re.IGNORECASE)
_BASS_ALONE = re.compile(r"W?/([A-G](?:##|bb|#|b|♯|♭)?)")
_ONE_BAR_AGAIN, _TWO_BARS_AGAIN = ("%", "x", "𝄎"), ("%%", "r", "𝄏")


@dataclass(frozen=True, slots=True)
class WrittenBar:
    """A bar as written on the page. repeat_close: how many times the repeat that ends here is played (0 = none)."""

    bar: ChartBar
    repeat_open: bool = False
    repeat_close: int = 0
    endings: tuple[int, ...] = ()
    directions: Directions = Directions()


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
    pickup: bool = False
    bars: list[WrittenBar] = field(default_factory=list)

    def fault(self, line: int, what: str, bar: int | None = None) -> ChartError:
        """The error for this line and bar."""
        return ChartError(f"{self.name} line {line}{'' if bar is None else f', bar {bar}'}: {what}")


def written_chart(text: str, name: str) -> WrittenChart:
    """Read the page. Raises ChartError for anything that is not understood."""
    reader = _Reader(WrittenChart(name))
    try:
        lines = chart_lines(text)
    except ValueError as reason:
        raise ChartError(f"{name} {reason}") from None
    for number, line in lines:
        reader.read_line(number, line)
    if not reader.chart.bars:
        raise ChartError(f"{name}: no bars (write them between bar lines: | C | Am7 | Dm7 G7 | C6 |)")
    return reader.chart


class _Reader:
    """The state kept from line to line: the meter, what is pending for the next bar, and the bars so far."""

    def __init__(self, chart: WrittenChart) -> None:
        self.chart = chart
        self._meter = TimeSignature(4, 4)
        self._pickup = ""
        self._pickup_line = 0
        self._section = ""
        self._directions = Directions()
        self._tempo: float | None = None
        self._repeat_open = False
        self._second_of_two = False  # an empty bar after %% is its second half

    def read_line(self, number: int, line: str) -> None:
        line = line.replace("‖", "||")
        if (section := _SECTION.match(line)) and not (section["named"] and header.is_header(section["named"])):
            self._section = printable((section["boxed"] or section["named"]).strip())
            self._directions = self._directions.joined(section_directions(self._section))
            line = line[section.end() :].strip()
            if not line:
                return
        if "|" in line:
            self._read_bars(number, line)
        elif header.looks_like_header(line):
            self._read_headers(number, line)
        elif self.chart.bars and not (found := find_directions(line)).rest:
            self._point(found.before, found.here)
        elif not self.chart.bars and not self.chart.title:
            self.chart.title = line
        else:
            raise self.chart.fault(
                number, f"{line[:40]!r}: neither bars (| C | G7 |), a [Section] nor a header (Key: F)"
            )

    # --- header lines -------------------------------------------------------------------------------------------------

    def _read_headers(self, line: int, text: str) -> None:
        try:
            for name, value in header.split_headers(text):
                self._read_header(line, name, value)
        except ValueError as reason:
            raise self.chart.fault(line, str(reason)) from None

    def _read_header(self, line: int, name: str, value: str) -> None:
        if name == "title":
            self.chart.title = value
        elif name == "key":
            self.chart.key = self.chart.key or header.read_key(value)
        elif name == "meter":
            self._meter = header.read_meter(value)
        elif name == "tempo" and self.chart.bars:
            self._tempo = header.read_tempo(value)
        elif name == "tempo":
            self.chart.tempo = header.read_tempo(value)
        elif name == "feel":
            self.chart.feel = header.read_feel(value)
        elif name == "form":
            self.chart.form, self.chart.form_line = tuple(re.split(r"[\s,\-]+", value)), line
        elif name == "pickup":
            if self.chart.bars:
                raise ValueError("a pickup stands before the first bar")
            self._pickup, self._pickup_line = value, line

    # --- bars ---------------------------------------------------------------------------------------------------------

    def _read_bars(self, line: int, text: str) -> None:
        for bar_text, before, after in _between_barlines(text):
            if before and before["open"]:
                self._repeat_open = True
            found = find_directions(bar_text)
            self._point(found.before, found.here if not found.rest else Directions())
            plain = (not before or before.group() == "|") and (not after or after.group() == "|")
            if found.rest:
                self._directions = self._directions.joined(found.here)
                self._add_bar(line, found.rest, after)
            elif not bar_text and plain and before and after:
                if self._second_of_two:
                    self._second_of_two = False
                else:
                    self._add_bar(line, "", after)
            elif after and after["close"] and self.chart.bars:  # a repeat sign that opens the next line
                self.chart.bars[-1] = self._closed(self.chart.bars[-1], after)

    def _point(self, before: Directions, following: Directions) -> None:
        """Apply directions without a bar of their own to the bar before or after them."""
        if self.chart.bars and before != Directions():
            last = self.chart.bars[-1]
            self.chart.bars[-1] = replace(last, directions=last.directions.joined(before))
        self._directions = self._directions.joined(following)

    def _add_bar(self, line: int, text: str, after: re.Match[str] | None) -> None:
        number = len(self.chart.bars) + 1
        endings: tuple[int, ...] = ()
        if ending := _ENDING.match(text):
            endings = _ending_numbers(ending.group(1))
            text = text[ending.end() :].strip()
        meter = self._first_meter()
        symbols = _split_symbols(text)
        if len(symbols) == 1 and symbols[0] in _TWO_BARS_AGAIN:
            contents = self._two_bars_again(line, number)
        else:
            contents = [self._read_chords(line, number, symbols, meter)]
        self._second_of_two = len(contents) == 2
        for chords in contents:
            bar = ChartBar(chords, meter, len(self.chart.bars) + 1, line, self._section, self._tempo)
            self.chart.bars.append(WrittenBar(bar, self._repeat_open, 0, endings, self._directions))
            self._section, self._tempo, self._repeat_open, endings = "", None, False, ()
            self._directions = Directions()
        if after and after["close"]:
            self.chart.bars[-1] = self._closed(self.chart.bars[-1], after)

    def _first_meter(self) -> TimeSignature:
        """Return the meter of the coming bar. The first bar has the pickup's meter if there is a pickup."""
        if not self._pickup or self.chart.bars:
            return self._meter
        self.chart.pickup = True
        try:
            return header.read_pickup(self._pickup, self._meter)
        except ValueError as reason:
            raise self.chart.fault(self._pickup_line, str(reason)) from None

    def _closed(self, written: WrittenBar, barline: re.Match[str]) -> WrittenBar:
        times = int(barline["times"] or 2)
        if not 2 <= times <= 64:
            raise self.chart.fault(written.bar.line, f"repeat x{times}: expected 2 to 64", written.bar.number)
        return replace(written, repeat_close=times)

    def _read_chords(self, line: int, number: int, symbols: list[str], meter: TimeSignature) -> tuple[ChartChord, ...]:
        if not symbols or (len(symbols) == 1 and symbols[0] in _ONE_BAR_AGAIN):
            return self._repeated_bar(line, number)
        chords: list[ChartChord] = []
        for beat, symbol in zip(self._beats(line, number, symbols, meter), symbols, strict=True):
            if symbol == "/":
                if not chords and beat == 0:
                    chords.extend(self._carried(line, number))
                continue
            chords.append(self._read_symbol(line, number, beat, symbol, chords))
        return tuple(chords)

    def _read_symbol(self, line: int, number: int, beat: Fraction, symbol: str, before: list[ChartChord]) -> ChartChord:
        if is_no_chord(symbol):
            return ChartChord(beat, "N.C.", None)
        if symbol in _ONE_BAR_AGAIN or symbol in _TWO_BARS_AGAIN:
            raise self.chart.fault(line, f"{symbol!r} repeats whole bars and stands alone in one", number)
        if bass := _BASS_ALONE.fullmatch(symbol):
            last = before[-1] if before else self._carried(line, number)[0]
            if last.chord is None:
                raise self.chart.fault(line, f"{symbol!r}: no chord stands before this bass", number)
            symbol = f"{BASS.sub('', last.symbol)}/{bass[1]}"
        try:
            return ChartChord(beat, symbol, parse_chord(symbol))
        except ValueError as reason:
            raise self.chart.fault(line, f"chord {symbol!r}: {reason}", number) from None

    def _beats(self, line: int, number: int, symbols: list[str], meter: TimeSignature) -> list[Fraction]:
        """Return where each symbol falls.

        With slashes each symbol has one beat. Otherwise the symbols share the bar, and the earlier ones are longer.
        """
        pulses, unit = _pulses(meter)
        count = len(symbols)
        if count > pulses:  # four chords in 6/8, six in 3/4: on half beats
            pulses, unit = 2 * pulses, unit / 2
        if count > pulses or ("/" in symbols and count != pulses and count > _pulses(meter)[0]):
            raise self.chart.fault(line, f"{count} chords or slashes in a bar of {meter}: too many", number)
        if "/" in symbols:
            return [index * unit for index in range(count)]
        return [-(-index * pulses // count) * unit for index in range(count)]

    def _carried(self, line: int, number: int) -> tuple[ChartChord, ...]:
        """Return the chord that still sounds from the bar before, placed on this bar's line."""
        if not self.chart.bars:
            raise self.chart.fault(line, "nothing to repeat before the first bar", number)
        last = self.chart.bars[-1].bar.chords[-1]
        return (ChartChord(Fraction(0), last.symbol, last.chord),)

    def _repeated_bar(self, line: int, number: int) -> tuple[ChartChord, ...]:
        if self.chart.bars and self.chart.bars[-1].bar.time_signature == self._meter:
            return self.chart.bars[-1].bar.chords
        return self._carried(line, number)

    def _two_bars_again(self, line: int, number: int) -> list[tuple[ChartChord, ...]]:
        last = [written.bar for written in self.chart.bars[-2:]]
        if len(last) < 2 or any(bar.time_signature != self._meter for bar in last):
            raise self.chart.fault(line, f"no two bars of {self._meter} before this one to repeat", number)
        return [bar.chords for bar in last]


def _split_symbols(text: str) -> list[str]:
    """Split a bar into symbols. Brackets around optional chords are removed; brackets that belong to a symbol stay with it."""
    symbols: list[str] = []
    for token in _SYMBOL.findall(_NO_CHORD_WORDS.sub("N.C.", text)):
        inner = token[1:-1] if token.startswith("(") and token.endswith(")") else ""
        if inner and symbols and inner[0] in "b#♭♯0123456789":
            symbols[-1] += token
        elif inner:
            symbols.extend(_SYMBOL.findall(inner))
        else:
            symbols.append(token)
    return symbols


def _ending_numbers(text: str) -> tuple[int, ...]:
    """ "1,3" and "1-3" as numbers."""
    numbers: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        numbers.extend(range(int(first), min(int(last or first), int(first) + 64) + 1))
    return tuple(numbers)


def _pulses(meter: TimeSignature) -> tuple[int, Fraction]:
    """Return how many beats a player counts in the bar, and the length of one in quarter notes (6/8 has two of 3/2)."""
    if meter.denominator >= 8 and meter.numerator % 3 == 0:
        return meter.numerator // 3, Fraction(12, meter.denominator)
    return meter.numerator, Fraction(4, meter.denominator)


def _between_barlines(text: str) -> Iterator[tuple[str, re.Match[str] | None, re.Match[str] | None]]:
    """Return (text, bar line before, bar line after) for every stretch of a line."""
    before: re.Match[str] | None = None
    at = 0
    for barline in _BARLINE.finditer(text):
        yield text[at : barline.start()].strip(), before, barline
        before, at = barline, barline.end()
    yield text[at:].strip(), before, None
