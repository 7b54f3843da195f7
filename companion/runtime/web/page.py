"""The page with the terminal, and the headers that keep it from loading anything from elsewhere. Pure."""

from __future__ import annotations

import re
from html import escape

PHONE_COLUMNS = 45  # columns that a narrow display shall have
LETTER_SHARE = 0.6  # width of a letter by the size of the font
LEAST_FONT, USUAL_FONT = 9, 16  # pixels

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self'; worker-src 'self' blob:; connect-src 'self' {socket}; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="/static/css/xterm.css">
<style>
@font-face {{ font-family: "Roboto Mono"; src: url("/static/fonts/RobotoMono-VariableFont_wght.ttf"); font-weight: 100 700; }}
html, body {{ margin: 0; height: 100%; background: #101318; color: #f2f4f8; font-family: "Roboto Mono", monospace; }}
body {{ overscroll-behavior: none; touch-action: manipulation; }}
.textual-terminal {{ width: 100vw; height: 100vh; height: 100dvh; }}
.message {{ position: fixed; inset: 0; display: flex; align-items: center; justify-content: center; gap: 1em; }}
.over {{ display: none; }}
body.-first-byte .wait {{ display: none; }}
body.-closed .over {{ display: flex; background: #101318; }}
body.-closed .textual-terminal {{ visibility: hidden; }}
button {{ font: inherit; padding: 0.6em 1.2em; }}
</style>
</head>
<body>
<div class="message wait">{title} …<button id="start" hidden></button></div>
<div class="message over">No performance is shown.<button onclick="location.reload()">Show it again</button></div>
<div id="terminal" class="textual-terminal"></div>
<script>
const terminal = document.getElementById("terminal");
const fits = Math.floor(window.innerWidth / {columns} / {share});
terminal.dataset.fontSize = Math.max({least}, Math.min({usual}, fits));
terminal.dataset.sessionWebsocketUrl = (location.protocol === "https:" ? "wss://" : "ws://") + location.host + "/ws";
document.fonts.load("16px 'Roboto Mono'");
</script>
<script src="/static/js/textual.js"></script>
</body>
</html>
"""


def page(title: str) -> str:
    """The page's text. Everything it loads comes from the same server."""
    return _PAGE.format(
        title=escape(title), columns=PHONE_COLUMNS, share=LETTER_SHARE, least=LEAST_FONT, usual=USUAL_FONT
    )


def is_size(text: str) -> bool:
    """Whether this is a number of columns or rows that a terminal may have."""
    return text.isdecimal() and len(text) < 4 and int(text) > 0


def headers(host: str) -> dict[str, str]:
    """The headers of every answer. host: as the browser named it, for its WebSocket."""
    named = host if re.fullmatch(r"[\w.:\[\]-]+", host, re.ASCII) else ""
    socket = f"ws://{named} wss://{named}" if named else ""
    return {name: value.format(socket=socket) if "{socket}" in value else value for name, value in HEADERS.items()}
