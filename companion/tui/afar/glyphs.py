"""Letters, digits and signs as pictures five points high, and how large they can be drawn. Pure.

A glyph's points are drawn as rectangles of half cells: `Scale` says how many half columns and half rows each of them has. A
terminal's cell is about twice as high as wide, so a point of (4, 2) half cells (two columns, one row) is square.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

POINTS_HIGH = 5
SPACE_POINTS = 2
# Each glyph is five rows of points from the top; "#" is drawn.
_PICTURES = """
A .#. #.# ### #.# #.#
B ##. #.# ##. #.# ##.
C .## #.. #.. #.. .##
D ##. #.# #.# #.# ##.
E ### #.. ##. #.. ###
F ### #.. ##. #.. #..
G .## #.. #.# #.# .##
H #.# #.# ### #.# #.#
I ### .#. .#. .#. ###
J ..# ..# ..# #.# .#.
K #.# #.# ##. #.# #.#
L #.. #.. #.. #.. ###
M #...# ##.## #.#.# #...# #...#
N #..# ##.# #.## #..# #..#
O .#. #.# #.# #.# .#.
P ##. #.# ##. #.. #..
Q .##. #..# #..# #.#. .#.#
R ##. #.# ##. #.# #.#
S .## #.. .#. ..# ##.
T ### .#. .#. .#. .#.
U #.# #.# #.# #.# ###
V #.# #.# #.# #.# .#.
W #...# #...# #.#.# ##.## #...#
X #.# #.# .#. #.# #.#
Y #.# #.# .#. .#. .#.
Z ### ..# .#. #.. ###
a ... .## #.# #.# .##
b #.. #.. ##. #.# ##.
c ... .## #.. #.. .##
d ..# ..# .## #.# .##
e ... .#. ### #.. .##
f .## #.. ##. #.. #..
g .## #.# .## ..# ##.
h #.. #.. ##. #.# #.#
i # . # # #
j .# .. .# .# #.
k #.. #.# ##. #.# #.#
l #. #. #. #. ##
m ..... ##.#. #.#.# #.#.# #.#.#
n ... ##. #.# #.# #.#
o ... .#. #.# #.# .#.
p ... ##. #.# ##. #..
q ... .## #.# .## ..#
r ... #.# ##. #.. #..
s ... .## ##. ..# ##.
t .#. ### .#. .#. .##
u ... #.# #.# #.# .##
v ... #.# #.# #.# .#.
w ..... #...# #.#.# #.#.# .#.#.
x ... #.# .#. .#. #.#
y #.# #.# .## ..# ##.
z ... ### ..# #.. ###
0 ### #.# #.# #.# ###
1 .#. ##. .#. .#. ###
2 ### ..# ### #.. ###
3 ### ..# ### ..# ###
4 #.# #.# ### ..# ..#
5 ### #.. ### ..# ###
6 ### #.. ### #.# ###
7 ### ..# .#. .#. .#.
8 ### #.# ### #.# ###
9 ### #.# ### ..# ###
# .#.#. ##### .#.#. ##### .#.#.
+ ... .#. ### .#. ...
- ... ... ### ... ...
– ... ... ### ... ...
/ ..# ..# .#. #.. #..
( .# #. #. #. .#
) #. .# .# .# #.
. . . . . #
, . . . # #
: . # . # .
! # # # . #
? ##. ..# .#. ... .#.
' # # . . .
& .#.. #.#. .#.. #.#. .#.#
% #.# ..# .#. #.. #.#
° .#. #.# .#. ... ...
ø ...# .##. #.## ##.# .##.
Δ ..#.. .#.#. .#.#. #...# #####
^ .#. #.# ... ... ...
→ ..#.. ...#. ##### ...#. ..#..
✓ ....# ...#. #.#.. .#... .....
✗ #...# .#.#. ..#.. .#.#. #...#
~ ..... .##.# #..#. ..... .....
"""
GLYPHS: dict[str, tuple[str, ...]] = {line[0]: tuple(line[1:].split()) for line in _PICTURES.strip().splitlines()}
_SAME = {"♯": "#", "♭": "b", "△": "Δ", "−": "-", "—": "-", "’": "'", "≈": "~"}
UNKNOWN = "?"
# By which quarters of a cell are drawn: upper left 1, upper right 2, lower left 4, lower right 8.
_QUARTERS = " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"


@dataclass(frozen=True, slots=True)
class Scale:
    """The size of one point in half columns and half rows."""

    width: int
    height: int

    def columns(self, points: int) -> int:
        """How many columns this many points take."""
        return -(-points * self.width // 2)

    @property
    def rows(self) -> int:
        """How many rows a line of text takes."""
        return -(-POINTS_HIGH * self.height // 2)


@lru_cache(maxsize=256)
def points_wide(text: str) -> int:
    """How many points a text takes, with one between its letters."""
    return sum(_width(letter) + 1 for letter in text) - 1 if text else 0


def largest(points: int, columns: int, rows: int) -> Scale | None:
    """The largest scale at which this many points fit; None if even the smallest does not.

    Letters are at most square. Rather than lose height they become narrow, down to twice as high as a square.
    """
    for height in range(2 * rows // POINTS_HIGH, 0, -1):
        width = min(2 * columns // points if points else height, 2 * height)
        if width >= height:
            return Scale(width, height)
    return None


@lru_cache(maxsize=256)
def draw_text(text: str, scale: Scale) -> tuple[str, ...]:
    """A text as rows of block characters, all of the same length. Most texts of a picture are those of the one before."""
    lines = ["".join(_points(letter)[row] + "." for letter in text)[:-1] for row in range(POINTS_HIGH)]
    wide = ["".join(point * scale.width for point in line) for line in lines]
    high = [line for line in wide for _ in range(scale.height)]
    width = 2 * scale.columns(points_wide(text))
    high += ["." * width] * (2 * scale.rows - len(high))
    padded = [line.ljust(width, ".") for line in high]
    return tuple(
        "".join(
            _QUARTERS[
                (upper[at] == "#") + 2 * (upper[at + 1] == "#") + 4 * (lower[at] == "#") + 8 * (lower[at + 1] == "#")
            ]
            for at in range(0, width, 2)
        )
        for upper, lower in zip(padded[::2], padded[1::2], strict=True)
    )


def _points(letter: str) -> tuple[str, ...]:
    if letter == " ":
        return ("." * SPACE_POINTS,) * POINTS_HIGH
    return GLYPHS.get(_SAME.get(letter, letter), GLYPHS[UNKNOWN])


def _width(letter: str) -> int:
    return len(_points(letter)[0])
