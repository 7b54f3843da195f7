"""Colours and marks. Hues are Okabe and Ito's colour-blind safe set; everything that matters also has its own glyph.

The hues are far enough apart to stay distinct when a terminal reduces them to sixteen colours.
"""

from __future__ import annotations

from rich.style import Style

SKY = "#56b4e9"
ORANGE = "#e69f00"
GREEN = "#2fb98a"
YELLOW = "#f0e442"
VERMILION = "#ff7a33"
PURPLE = "#d58ab8"
GREY = "#8a8f98"
FAINT = "#4c525c"
WHITE = "#f2f4f8"
GROUND = "#101318"

PLAIN = Style(color=WHITE)
BOLD = Style(color=WHITE, bold=True)
DIM = Style(color=GREY)
LINE = Style(color=FAINT)
TITLE = Style(color=SKY, bold=True)
GOOD = Style(color=GREEN, bold=True)
WARN = Style(color=ORANGE, bold=True)
BAD = Style(color=VERMILION, bold=True)
KEY = Style(color=YELLOW, bold=True)
SELECTED = Style(color=GROUND, bgcolor=YELLOW, bold=True)
RECORD = Style(color=VERMILION, bold=True, reverse=True)

HUMAN = Style(color=SKY)
PLAYED = Style(color=GREEN)
COMMITTED = Style(color=YELLOW, bold=True)
TENTATIVE = Style(color=PURPLE)
HIDDEN = Style(color=FAINT)
WRITTEN = Style(color=WHITE)
PLAYHEAD = Style(color=WHITE, bold=True)
PLAYHEAD_NOTE = Style(color=GROUND, bgcolor=WHITE, bold=True)
CURRENT = Style(color=GROUND, bgcolor=SKY, bold=True)

ORIGIN_MARKS: dict[str, str] = {
    "fresh": "●",
    "older": "◐",
    "variation": "≈",
    "rest": "–",
    "kept": "↻",
    "written": "♪",
    "call": "⚑",
    "human": "",
    "": "",
}
ORIGIN_STYLES: dict[str, Style] = {
    "fresh": GOOD,
    "older": WARN,
    "variation": WARN,
    "rest": BAD,
    "kept": TITLE,
    "written": PLAIN,
    "call": TITLE,
}
LADDER_STEPS = ("fresh", "older", "variation", "rest", "kept")
LOCK_MARK = "⊠"
REWRITTEN_MARK = "↯"  # the rest of the bar was rewritten while it sounded
