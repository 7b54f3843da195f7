from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.style import Style

from companion.tui.canvas import Area, Canvas, changed_areas

RED = Style(color="red")
writes = st.lists(st.tuples(st.integers(-5, 15), st.integers(-2, 6), st.text(max_size=8)), max_size=6)


def drawn(items: list[tuple[int, int, str]]) -> Canvas:
    canvas = Canvas(12, 5)
    for x, y, text in items:
        canvas.put(x, y, text)
    return canvas


def test_writing_is_clipped_at_every_edge() -> None:
    canvas = Canvas(4, 2)
    assert canvas.put(-2, 0, "abcdefgh") == 6
    canvas.put(0, 7, "below")
    canvas.put(9, 1, "right of it")
    assert canvas.text() == "cdef\n"


def test_a_limit_ends_in_an_ellipsis() -> None:
    canvas = Canvas(10, 1)
    canvas.put(0, 0, "Fingered Bass", limit=6)
    assert canvas.text() == "Finge…"


def test_wide_and_control_characters_keep_the_columns() -> None:
    canvas = Canvas(8, 1)
    assert canvas.put(0, 0, "日\x1bx") == 4
    assert "".join(canvas.chars[0][:4]) == "日?x"


@given(writes)
def test_rows_have_the_width_of_the_canvas(items: list[tuple[int, int, str]]) -> None:
    canvas = drawn([(x, y, "".join(char for char in text if cell_len(char) < 2)) for x, y, text in items])
    assert all(cell_len("".join(text for text, _ in canvas.runs(y))) == 12 for y in range(5))


@given(writes, writes)
def test_repainting_the_changed_areas_gives_the_new_picture(
    before: list[tuple[int, int, str]], after: list[tuple[int, int, str]]
) -> None:
    old, new = drawn(before), drawn(after)
    shown = [list(row) for row in old.chars]
    for area in changed_areas(old, new):
        for y in range(area.y, area.y + area.height):
            shown[y][area.x : area.x + area.width] = new.chars[y][area.x : area.x + area.width]
    assert shown == new.chars


def test_a_moving_column_is_one_area() -> None:
    old, new = Canvas(10, 6), Canvas(10, 6)
    for y in range(6):
        new.put(3, y, "┃", RED)
    assert changed_areas(old, new) == [Area(3, 0, 1, 6)]
    assert changed_areas(new, new.copy()) == []


def test_a_changed_style_alone_counts() -> None:
    old, new = Canvas(3, 1), Canvas(3, 1)
    new.restyle(1, 0, RED)
    assert changed_areas(old, new) == [Area(1, 0, 1, 1)]
