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

# Keys that a phone's own keyboard lacks, as buttons: what is shown, the key's name, its code, and what is read aloud.
KEYS = (
    ("esc", "Escape", 27, "escape"),
    ("tab", "Tab", 9, "tab"),
    ("←", "ArrowLeft", 37, "left"),
    ("↑", "ArrowUp", 38, "up"),
    ("↓", "ArrowDown", 40, "down"),
    ("→", "ArrowRight", 39, "right"),
    ("⏎", "Enter", 13, "enter"),
)
# After a lost connection the page comes back by itself, as soon as the server and a performance are there again.
LOOK_AGAIN_MS, JUST_SHOWN_MS = 2000, 5000
CLOSED = "This screen is closed; the performance goes on."
NO_SERVER = "companion serve does not answer."

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover, interactive-widget=resizes-content">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/static/css/xterm.css">
<style>
@font-face {{ font-family: "Roboto Mono"; src: url("/static/fonts/RobotoMono-VariableFont_wght.ttf"); font-weight: 100 700; }}
html, body {{ margin: 0; height: 100%; background: #000; color: #f2f4f8; font-family: "Roboto Mono", monospace; }}
body {{ display: flex; flex-direction: column; height: 100vh; height: 100dvh; overflow: hidden; overscroll-behavior: none;
  touch-action: manipulation; box-sizing: border-box;
  padding: env(safe-area-inset-top) env(safe-area-inset-right) env(safe-area-inset-bottom) env(safe-area-inset-left); }}
.textual-terminal {{ flex: 1; min-width: 0; min-height: 0; overflow: hidden; }}
.message {{ position: fixed; inset: 0; padding: 1em; display: flex; flex-direction: column; align-items: center; justify-content: center;
  gap: 1em; text-align: center; }}
.over {{ display: none; }}
body.-first-byte .wait {{ display: none; }}
body.-closed .wait {{ display: none; }}
body.-closed .over {{ display: flex; background: #101318; }}
body.-closed .textual-terminal, body.-closed .keys {{ visibility: hidden; }}
button {{ font: inherit; padding: 0.6em 1.2em; }}
.keys {{ display: none; }}
@media (pointer: coarse) {{
  .keys {{ display: flex; gap: 1px; user-select: none; -webkit-user-select: none; }}
  .keys button {{ flex: 1; min-width: 0; min-height: 44px; padding: 0; border: 0; border-radius: 0; background: #2a303c; color: #f2f4f8; }}
  .keys button:active, .keys button[aria-pressed="true"] {{ background: #f0e442; color: #000; }}
}}
@media (pointer: coarse) and (max-height: 480px) {{
  body {{ flex-direction: row; }}
  .keys {{ flex-direction: column; width: 48px; }}
  .keys button {{ min-height: 0; }}
}}
</style>
</head>
<body>
<div class="message wait">{title} …<button id="start" hidden></button></div>
<div class="message over"><span id="why"></span><button onclick="location.reload()">Show it again</button></div>
<div id="terminal" class="textual-terminal"></div>
<div class="keys"><button id="keyboard" aria-label="keyboard" aria-pressed="false">⌨</button>{keys}</div>
<script>
const terminal = document.getElementById("terminal");
const fits = Math.floor(window.innerWidth / {columns} / {share});
terminal.dataset.fontSize = Math.max({least}, Math.min({usual}, fits));
terminal.dataset.sessionWebsocketUrl = (location.protocol === "https:" ? "wss://" : "ws://") + location.host + "/ws";
document.fonts.load("16px 'Roboto Mono'");

// Where fingers are used, the screen's keyboard comes only when it is asked for: a tap on a call must not bring it up.
const typed = () => terminal.querySelector("textarea");
const keyboard = document.getElementById("keyboard");
const hasFingers = matchMedia("(pointer: coarse)").matches;
if (hasFingers) {{
  const quiet = () => typed() && keyboard.ariaPressed !== "true" && (typed().inputMode = "none");
  new MutationObserver(quiet).observe(terminal, {{ childList: true, subtree: true }});
}}
document.querySelector(".keys").onmousedown = (event) => event.preventDefault();  // the terminal stays in focus
keyboard.onclick = () => {{
  const wanted = keyboard.ariaPressed !== "true";
  keyboard.ariaPressed = String(wanted);
  typed().inputMode = wanted ? "text" : "none";
  typed().blur();
  if (wanted) typed().focus();
}};
for (const key of document.querySelectorAll(".keys button[data-key]")) {{
  key.onclick = () => {{
    const code = Number(key.dataset.code);
    const pressed = new KeyboardEvent("keydown", {{ key: key.dataset.key, bubbles: true, cancelable: true }});
    Object.defineProperty(pressed, "keyCode", {{ get: () => code }});
    typed().dispatchEvent(pressed);
  }};
}}

// Once the connection has ended: say why, and come back when that is over.
const why = document.getElementById("why");
let wasAway = false, shownAt = 0;
async function look() {{
  if (!document.body.classList.contains("-closed")) return;
  let fault = "{no_server}";
  try {{
    const answer = await fetch("/state", {{ cache: "no-store" }});
    fault = await answer.text();
  }} catch (_) {{}}
  wasAway = wasAway || Boolean(fault) || Date.now() - shownAt < {just_shown_ms};
  if (!fault && wasAway) return location.reload();
  why.textContent = fault || "{closed}";
}}
let began = false;
new MutationObserver(() => {{
  if (!began && document.body.classList.contains("-first-byte")) {{
    began = true;
    if (!hasFingers) typed().focus();  // a computer's keyboard works without a click
  }}
  look();
}}).observe(document.body, {{ attributeFilter: ["class"] }});
setInterval(look, {look_again_ms});
// A phone that was locked has lost its connection.
document.addEventListener("visibilitychange", () => {{ shownAt = Date.now(); look(); }});
</script>
<script src="/static/js/textual.js"></script>
</body>
</html>
"""


def page(title: str) -> str:
    """The page's text. Everything it loads comes from the same server."""
    keys = "".join(
        f'<button data-key="{name}" data-code="{code}" aria-label="{words}">{shown}</button>'
        for shown, name, code, words in KEYS
    )
    return _PAGE.format(
        title=escape(title),
        columns=PHONE_COLUMNS,
        share=LETTER_SHARE,
        least=LEAST_FONT,
        usual=USUAL_FONT,
        keys=keys,
        closed=CLOSED,
        no_server=NO_SERVER,
        look_again_ms=LOOK_AGAIN_MS,
        just_shown_ms=JUST_SHOWN_MS,
    )


def is_size(text: str) -> bool:
    """Whether this is a number of columns or rows that a terminal may have."""
    return text.isdecimal() and len(text) < 4 and int(text) > 0


def headers(host: str) -> dict[str, str]:
    """The headers of every answer. host: as the browser named it, for its WebSocket."""
    named = host if re.fullmatch(r"[\w.:\[\]-]+", host, re.ASCII) else ""
    socket = f"ws://{named} wss://{named}" if named else ""
    return {name: value.format(socket=socket) if "{socket}" in value else value for name, value in HEADERS.items()}
