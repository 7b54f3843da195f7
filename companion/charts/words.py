"""Turns songs written as words with chords into the lines of a chart: ChordPro, and chords on lines above the words.

Both formats give the order of the chords but not their lengths, so every chord gets a bar of its own. Lines keep their numbers so
that errors name the right line. A text with bar lines is already a chart and is not changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from companion.charts import header
from companion.charts.roadmap import find_directions
from companion.harmony.spelling import transpose_symbol
from companion.harmony.symbols import is_no_chord, parse_chord

Lines = list[tuple[int, str]]

_DIRECTIVE = re.compile(r"^\{\s*(?P<name>[A-Za-z_]+)\s*(?:[:\s]\s*(?P<value>.*?))?\s*\}$")
_INLINE = re.compile(r"\[([^\]\s|]+)\]")
_ENDS_WITH_TIMES = re.compile(r"\(?\b[xX×](\d+)\)?\s*$")
_SECTION_LINE = re.compile(r"^\[[^\]]+\]$|^[A-Za-z][\w' ]*:$")
_META = {
    "title": "Title", "t": "Title", "key": "Key", "tempo": "Tempo", "time": "Meter", "composer": "Composer",
}  # fmt: skip
_OPENS = {
    "start_of_chorus": "Chorus", "soc": "Chorus", "start_of_verse": "Verse", "sov": "Verse",
    "start_of_bridge": "Bridge", "sob": "Bridge",
}  # fmt: skip


def chart_lines(text: str) -> Lines:
    """Return (number from 1, line) of the chart in a text. Raises ValueError for a line that could be chords or words."""
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    lines = [(number, line) for number, line in lines if line and not line.startswith("#")]
    if any(_DIRECTIVE.match(line) for _, line in lines) or _has_chords_in_words(lines):
        return list(_from_chordpro(lines))
    if not any("|" in line for _, line in lines) and any(_chords_of(line) for _, line in lines):
        return list(_from_chords_over_words(lines))
    return lines


def _has_chords_in_words(lines: Lines) -> bool:
    """Whether lines of words contain chords in brackets, on a page without bar lines."""
    if any("|" in line for _, line in lines):
        return False
    inline = [line for _, line in lines if any(map(_is_chord, _INLINE.findall(line)))]
    return any(not _SECTION_LINE.match(line) for line in inline)


def _from_chordpro(lines: Lines) -> Iterator[tuple[int, str]]:
    chorus: Lines = []
    section, semitones, in_tab = "", 0, False
    for number, line in lines:
        directive = _DIRECTIVE.match(line)
        if directive:
            name, value = directive["name"].lower(), directive["value"] or ""
            if name == "meta":
                name, _, value = value.partition(" ")
            if name in _META and value:
                yield number, f"{_META[name]}: {value.strip()}"
            elif name in _OPENS:
                section = _OPENS[name]
                chorus = [] if section == "Chorus" else chorus
                yield number, f"[{value or section}]"
            elif name == "chorus":
                yield from ((number, sung) for _, sung in ((number, "[Chorus]"), *chorus))
            elif name == "transpose":
                semitones = int(value) if re.fullmatch(r"[+-]?\d+", value) else 0
            in_tab = name in ("start_of_tab", "sot") or (in_tab and name not in ("end_of_tab", "eot"))
            section = "" if name.startswith(("end_of", "eo")) else section
        elif not in_tab and (played := _chordpro_bars(line, semitones)):
            yield number, played
            if section == "Chorus":
                chorus.append((number, played))


def _chordpro_bars(line: str, semitones: int) -> str:
    """Return the bars of one line: the bars of a grid unchanged, otherwise one bar for each chord in brackets."""
    if "|" in line and not _INLINE.search(line):
        return re.sub(r"(?<=\s)\.(?=\s)", "/", line)
    symbols = [symbol for symbol in _INLINE.findall(line) if not symbol.startswith("*")]
    symbols = [transpose_symbol(symbol, semitones) for symbol in symbols]
    if not symbols and header.looks_like_header(line) and header.is_header(re.split(r"[:=]", line)[0].strip()):
        return line
    return f"| {' | '.join(symbols)} |" if symbols else ""


def _from_chords_over_words(lines: Lines) -> Iterator[tuple[int, str]]:
    begun = False
    for index, (number, line) in enumerate(lines):
        if symbols := _chords_of(line):
            times = _ENDS_WITH_TIMES.search(line)
            bars = " | ".join(symbols)
            yield number, f"|: {bars} :| x{times[1]}" if times else f"| {bars} |"
            begun = True
        elif _SECTION_LINE.match(line) or _is_header(line) or (begun and not find_directions(line).rest):
            yield number, line
        elif _is_half_chords(line):
            raise ValueError(f"line {number}: {line[:40]!r} may be chords or words; write chords between bar lines")
        elif index == 0:
            yield number, line  # the title


def _is_header(line: str) -> bool:
    return header.looks_like_header(line) and header.is_header(re.split(r"[:=]", line)[0].strip())


def _chords_of(line: str) -> list[str]:
    """Return the symbols of a line that holds nothing but chords, [] for any other line."""
    words = _ENDS_WITH_TIMES.sub("", line).split()
    return words if words and all(map(_is_chord, words)) else []


def _is_half_chords(line: str) -> bool:
    """Whether so many words are chords with a sign or a number that the line can hardly be lyrics."""
    words = line.split()
    chords = [word for word in words if _is_chord(word)]
    telling = any(re.search(r"[#b♯♭0-9/]|m$|maj|sus|dim", chord[1:]) for chord in chords)
    return len(words) > 2 and 2 * len(chords) > len(words) and telling


def _is_chord(word: str) -> bool:
    if is_no_chord(word):
        return word.lower() != "n"
    try:
        parse_chord(word)
    except ValueError:
        return False
    return True
