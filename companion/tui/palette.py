"""Colours and marks, and the style sheet of the application.

Hues are Okabe and Ito's colour-blind safe set; everything that matters also has its own glyph.
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
BUTTON_GROUND = "#2b3340"
BUTTON = Style(color=WHITE, bgcolor=BUTTON_GROUND)
ALARM = Style(color=GROUND, bgcolor=VERMILION, bold=True)
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

STYLE_SHEET = f"""
Screen {{ background: {GROUND}; layout: vertical; }}
CanvasPane {{ width: 1fr; height: 1fr; }}
#set, #song, #calls, #hints {{ height: 1; }}
#set, #song, #practice, #afar {{ display: none; }}
#near {{ height: 1fr; }}
#middle, #body {{ height: 1fr; }}
#body {{ width: 1fr; }}
.picker {{ align: center middle; background: black 40%; }}
.picker .box {{ width: 72; max-width: 96%; height: 90%; max-height: 30; border: round {GREY};
                background: {GROUND}; padding: 0 1; }}
.picker .small {{ height: auto; }}
.help .box {{ width: 84; max-height: 100%; height: 96%; }}
.picker OptionList {{ height: 1fr; border: none; background: {GROUND}; }}
.title, .hint {{ height: 1; }}
.question {{ height: auto; margin-bottom: 1; }}
.answers {{ height: 3; }}
.answer {{ width: 1fr; max-width: 24; height: 3; margin-right: 2; content-align: center middle; background: {BUTTON_GROUND}; }}
.dials {{ align: left bottom; background: transparent; }}
ModalScreen, CommandPalette {{ layers: default corner; }}
Corner {{ layer: corner; dock: right; width: 20; height: 1; background: transparent; }}
CommandPalette > Vertical {{ margin-top: 0; }}
CommandPalette SearchIcon {{ display: none; }}
CommandPalette CommandInput {{ padding-left: 1; }}
CommandList {{ max-height: 100vh; }}
#typing {{ height: 8; background: {GROUND}; border-top: heavy {GREY}; }}
#dials, #mixer, #zones {{ height: 11; background: {GROUND}; border-top: heavy {GREY}; }}
"""
