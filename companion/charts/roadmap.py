"""Reads the directions on a page: segno, coda, fine, da capo and dal segno, written between or beside the bars."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

Until = Literal["", "fine", "coda", "ending"]

_DIRECTION = re.compile(
    r"<?\(?(?:"
    r"(?P<jump>\bD\.? ?C\.?(?![\w#])|\bda capo\b|\bD\.? ?S\.?(?![\w#])|\bdal segno\b)"
    r"(?:\s*\bal\s+(?:(?P<fine_end>fine)|(?P<coda_end>coda|𝄌)|(?P<ending>(?:2nd|3rd|last|\d\.?)\s*end(?:ing)?)\b)\.?)?"
    r"|(?P<to_coda>\bto\s+(?:coda\b|%C%|𝄌))"
    r"|(?P<segno>%S%|𝄋|\bsegno\b)"
    r"|(?P<coda>%C%|𝄌|\bcoda\b)"
    r"|(?P<fine>\bfine\b)"
    r")\)?>?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Jump:
    """A jump back to the beginning or the segno. Playing then goes on to the end, the fine, the coda or the last ending."""

    to_segno: bool
    until: Until = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Directions:
    """The directions at a bar. segno, coda: one begins at its bar line. The others apply after the bar has been played."""

    segno: bool = False
    coda: bool = False
    to_coda: bool = False
    fine: bool = False
    jump: Jump | None = None

    def joined(self, other: Directions) -> Directions:
        """Combine both; a jump in `other` wins."""
        return Directions(
            self.segno or other.segno,
            self.coda or other.coda,
            self.to_coda or other.to_coda,
            self.fine or other.fine,
            other.jump or self.jump,
        )


@dataclass(frozen=True, slots=True)
class Found:
    """A stretch of text without its directions, the directions for the bar before it, and the directions for its own bar.

    If there is no other text, `here` belongs to the next bar.
    """

    rest: str
    before: Directions
    here: Directions


def find_directions(text: str) -> Found:
    """Take the directions out of the text between two bar lines, or out of a separate line."""
    rest = " ".join(_DIRECTION.sub(" ", text).split())
    before = here = Directions()
    for match in _DIRECTION.finditer(text):
        leads = not _DIRECTION.sub(" ", text[: match.start()]).strip()
        if match["segno"]:
            here = replace(here, segno=True)
        elif match["coda"]:
            here = replace(here, coda=True)
        else:
            after_a_bar = _after_a_bar(match)
            if not rest or (leads and match["to_coda"]):
                before = before.joined(after_a_bar)
            else:
                here = here.joined(after_a_bar)
    return Found(rest, before, here)


def _after_a_bar(match: re.Match[str]) -> Directions:
    if match["to_coda"]:
        return Directions(to_coda=True)
    if match["fine"]:
        return Directions(fine=True)
    until: Until = "fine" if match["fine_end"] else "coda" if match["coda_end"] else "ending" if match["ending"] else ""
    sign = match["jump"].replace(".", "").replace(" ", "").lower()
    return Directions(jump=Jump(sign in ("ds", "dalsegno"), until, match.group().strip("<>() ")))


def section_directions(name: str) -> Directions:
    """Return the directions that a section's name stands for: [Coda] and [Segno]."""
    word = name.strip().lower().rstrip(" 0123456789")
    return Directions(segno=word == "segno", coda=word == "coda")
