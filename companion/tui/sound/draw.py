"""The typing keyboard as a picture: which key plays what. Pure."""

from __future__ import annotations

from companion.tui import palette
from companion.tui.canvas import Canvas
from companion.tui.sound.keyboard import BLACK_KEYS, DRUM_KEYS, DRUMS, WHITE_KEYS, TypingKeyboard, printed

ROWS = 8
_STEP, _DRUM_STEP = 6, 8
_OTHER_KEYS = (
    ("esc", "leaves the keyboard", palette.SELECTED),
    ("!", "panic", palette.DIM),
    ("space", "start/stop", palette.DIM),
    ("← →", "octave", palette.DIM),
    ("↓ ↑", "velocity", palette.DIM),
    ("- =", "length", palette.DIM),
)
_NAMES = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")


def draw_keyboard(keyboard: TypingKeyboard, width: int, height: int, heard: str = "") -> Canvas:
    """Draw two rows of a piano, a row of drums, and what the other keys do. heard: a warning if nothing will sound."""
    canvas = Canvas(width, height)
    state = f"octave {keyboard.octave:+d}  velocity {keyboard.velocity}  length {keyboard.length_seconds:g} s"
    x = canvas.put_spans(1, 0, ("typing keyboard ", palette.TITLE), (state, palette.PLAIN))
    if heard:
        canvas.put(x + 2, 0, heard, palette.WARN, limit=max(width - x - 3, 0))
    _draw_row(canvas, 2, 4, BLACK_KEYS, keyboard)
    _draw_row(canvas, 3, 1, WHITE_KEYS, keyboard)
    for number, (key, (_, name)) in enumerate(zip(DRUM_KEYS, DRUMS, strict=True)):
        style = palette.CURRENT if key in keyboard.sounding else palette.KEY
        canvas.put_spans(1 + _DRUM_STEP * number, 5, (printed(key), style), (f" {name}", palette.DIM))
    x = 0
    for key, word, style in _OTHER_KEYS:
        if x + len(key) + len(word) + 3 > width:
            break
        x = canvas.put_spans(x, height - 1, (f" {key}", palette.KEY), (f" {word} ", style))
    return canvas


def _draw_row(canvas: Canvas, y: int, x: int, keys: tuple[str, ...], keyboard: TypingKeyboard) -> None:
    for number, key in enumerate(keys):
        target = keyboard.pitch_of(key) if key else None
        if target is not None:
            style = palette.CURRENT if key in keyboard.sounding else palette.KEY
            name = f"{_NAMES[target[1] % 12]}{target[1] // 12 - 1}"
            canvas.put_spans(x + _STEP * number, y, (printed(key), style), (f" {name}", palette.DIM))
