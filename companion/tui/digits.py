"""Large digits, three rows high, made of half blocks: readable from across a rehearsal room."""

from __future__ import annotations

# Each glyph is five rows of three pixels, from the top, as five octal digits (4 = left, 2 = middle, 1 = right).
_GLYPHS = {
    "0": "75557",
    "1": "26227",
    "2": "71747",
    "3": "71717",
    "4": "55711",
    "5": "74717",
    "6": "74757",
    "7": "71222",
    "8": "75757",
    "9": "75717",
    "-": "00700",
    " ": "00000",
}
_NARROW = {".": "00001", ":": "01010"}  # one pixel wide
_HALVES = {(0, 0): " ", (1, 0): "▀", (0, 1): "▄", (1, 1): "█"}


def big_text(text: str) -> tuple[str, str, str]:
    """Digits, '.', ':' and '-' as three rows of equal length, one blank column between glyphs; others become blanks."""
    rows = ["", "", ""]
    for char in text:
        wide = char not in _NARROW
        pattern = _GLYPHS.get(char, _GLYPHS[" "]) if wide else _NARROW[char]
        pixels = [int(digit) for digit in pattern] + [0]
        for row in range(3):
            upper, lower = pixels[2 * row], pixels[2 * row + 1]
            for bit in (2, 1, 0) if wide else (0,):
                rows[row] += _HALVES[(upper >> bit & 1, lower >> bit & 1)]
            rows[row] += " "
    return rows[0], rows[1], rows[2]
