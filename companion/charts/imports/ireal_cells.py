"""Translates the signs of an iReal Pro chart into the lines of our own charts.

A bar is a row of cells, usually four. A chord or a blank fills one cell. If a bar has as many cells as beats, each chord falls on
the beat of its cell; otherwise the chords share the bar.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_SIGN = re.compile(
    r"<(?P<text>[^>]*)>"
    r"|\((?P<alternate>[^)]*)\)"
    r"|\*(?P<section>[A-Za-z])"
    r"|T(?P<top>\d)(?P<bottom>\d)"
    r"|N(?P<ending>\d)"
    r"|(?P<chord>(?:[A-G][b#]?|W)(?:\*[^*]*\*|sus|alt|add\d|[\^\-+oh]|[b#]?\d+)*(?:/[A-G][b#]?)?)"
    r"|(?P<barline>[|\[\]{}Z])"
    r"|(?P<sign>[SQxrnpUf])"
    r"|(?P<blank> )"
    r"|(?P<other>.)",
    re.DOTALL,
)
_SECTIONS = {"i": "Intro", "V": "Verse"}
_TIMES = re.compile(r"(\d+)x")
_ROAD = re.compile(r"d\.? ?[cs]\.?|fine", re.IGNORECASE)
_METERS = {"12": "12/8", "22": "2/2", "32": "3/2"}


@dataclass(slots=True)
class _Bar:
    """The part of the current bar that has been read. cells: symbols, "" for a blank."""

    cells: list[str] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    ending: str = ""

    @property
    def is_blank(self) -> bool:
        """Whether the bar holds nothing but space."""
        return not (any(self.cells) or "".join(self.before).strip() or self.after or self.ending)


def chart_text(signs: str) -> Iterator[str]:
    """Return the lines, each with one bar or header. Everything besides chords and form (size, space, remarks) is left out."""
    bar, beats, times, opened = _Bar(), 4, "", False
    before, two_again = "", False  # the bar line before, and whether the bar before repeats two bars
    for match in _SIGN.finditer(signs):
        kind = match.lastgroup
        if kind == "barline":
            line = match["barline"]
            between_sections = before in ("]", "}", "Z") and line in "[{"
            if bar.is_blank and (two_again or between_sections):
                bar, two_again = _Bar(), False  # the second half of a repeat of two bars; or space on the page
            if written := _written(bar, beats):
                closing = f":| {times}".rstrip() if line == "}" else "|"
                yield f"{'|:' if opened else '|'} {written} {closing}"
                two_again = bar.cells[:1] == ["r"]
                bar, opened = _Bar(), False
                times = "" if line == "}" else times
            elif line == "}":
                yield f":| {times}".rstrip()
                bar, times = _Bar(), ""
            opened, before = opened or line == "{", line
        elif kind == "section":
            yield f"[{_SECTIONS.get(match['section'], match['section'])}]"
        elif kind == "bottom":
            meter = _METERS.get(match["top"] + match["bottom"], f"{match['top']}/{match['bottom']}")
            beats = int(meter.split("/")[0])
            yield f"Meter: {meter}"
        elif kind == "text":
            if found := _TIMES.search(match["text"]):
                times = f"x{found[1]}"
            elif _ROAD.search(match["text"]):
                bar.after.append(match["text"].strip())
        else:
            _read_cell(bar, kind or "", match)
    if not bar.is_blank and (written := _written(bar, beats)):
        yield f"{'|:' if opened else '|'} {written} |"


def _read_cell(bar: _Bar, kind: str, match: re.Match[str]) -> None:
    if kind == "chord":
        bar.cells.append(match["chord"].replace("*", ""))
    elif kind == "blank":
        if bar.cells:
            bar.cells.append("")
        else:
            bar.before.append(" ")
    elif kind == "ending":
        bar.ending = "" if match["ending"] == "0" else f"{match['ending']}. "
    elif kind == "sign":
        sign = match["sign"]
        if sign in "SQ":
            word = "%S%" if sign == "S" else "%C%"
            (bar.after if any(bar.cells) and sign == "Q" else bar.before).append(word)
        elif sign in "xrnp":
            bar.cells.append({"n": "N.C.", "p": ""}.get(sign, sign))


def _written(bar: _Bar, beats: int) -> str:
    """Return the bar between its bar lines, "" for none. A coda sign after the chords marks the jump to the coda."""
    before = [word for word in bar.before if word.strip()]
    after = ["To Coda" if word == "%C%" else word for word in bar.after]
    blanks = len(bar.before) - len(before)
    cells = _cells(bar.cells, beats)
    if not cells and blanks and not after:
        cells = ["/"]  # an empty bar holds the last chord
    if not cells and not before and not after:
        return ""
    return bar.ending + " ".join((*before, *cells, *after))


def _cells(cells: list[str], beats: int) -> list[str]:
    chords = [cell for cell in cells if cell]
    if len(chords) < 2 or any(cell in ("x", "r") for cell in chords):
        return chords or (["/"] if cells else [])
    trimmed = list(cells)
    while trimmed and not trimmed[-1]:
        trimmed.pop()
    if beats - 1 <= len(cells) <= beats or (len(trimmed) <= beats < len(cells)):
        padded = (trimmed + [""] * beats)[:beats]
        return [cell or "/" for cell in padded]
    return chords
