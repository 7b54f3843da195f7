from __future__ import annotations

from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from companion.music import Note
from companion.session.api.snapshot import BarState
from companion.tui.lanes.roll import PitchScale, bar_rows, note_columns, pitch_scale
from tests.tui.scripted import melody

BAR = 1920
SCALE = PitchScale(60, 67)
notes = st.builds(Note, st.integers(0, 3000), st.integers(1, 4000), st.integers(0, 127), st.integers(1, 127))


def test_played_notes_are_braille_committed_solid_tentative_dashed() -> None:
    half_note = [Note(0, 960, 67)]
    assert bar_rows(half_note, "played", PitchScale(48, 67), 8, 1, BAR) == ["⠉⠉⠉⠁    "]
    assert bar_rows(half_note, "committed", SCALE, 8, 1, BAR) == ["▀▀▀▀    "]
    assert bar_rows(half_note, "tentative", SCALE, 8, 1, BAR) == ["▘▘▘▘    "]


def test_hidden_bars_are_hatched_and_empty_ones_blank() -> None:
    assert bar_rows([], "hidden", SCALE, 4, 2, BAR) == ["╱╱╱╱", "╱╱╱╱"]
    assert bar_rows([], "empty", SCALE, 4, 1, BAR) == ["    "]


def test_repeated_notes_stay_apart() -> None:
    quarters = [Note(i * 480, 480, 60) for i in range(4)]
    assert bar_rows(quarters, "committed", SCALE, 16, 1, BAR) == ["▄▄▄ ▄▄▄ ▄▄▄ ▄▄▄▄"]


def test_higher_notes_are_drawn_higher() -> None:
    rows = bar_rows([Note(0, 480, 60), Note(960, 480, 67)], "committed", SCALE, 8, 2, BAR)
    assert rows == ["    ▀▀  ", "▄▄      "]


def test_drums_get_one_place_an_instrument() -> None:
    scale = pitch_scale([36, 38, 42], is_drum=True)
    assert scale.kit == (36, 38, 42)
    assert [scale.step(pitch, 12) for pitch in (42, 38, 36)] == [0, 4, 8]


def test_the_scale_stands_still_while_it_fits() -> None:
    first = pitch_scale([55, 72], is_drum=False)
    assert pitch_scale([60, 64], is_drum=False, previous=first) is first
    assert pitch_scale([40, 64], is_drum=False, previous=first) != first


@given(
    st.lists(notes, max_size=12),
    st.sampled_from(get_args(BarState)),
    st.integers(1, 40),
    st.integers(1, 9),
    st.booleans(),
)
def test_any_bar_fills_exactly_its_rectangle(
    music: list[Note], state: BarState, width: int, height: int, is_drum: bool
) -> None:
    scale = pitch_scale([note.pitch for note in music], is_drum)
    rows = bar_rows(music, state, scale, width, height, BAR)
    assert len(rows) == height
    assert all(len(row) == width for row in rows)


@given(notes, st.integers(1, 64))
def test_a_note_in_the_bar_is_never_invisible(note: Note, width: int) -> None:
    start, end = note_columns(note, width, BAR)
    assert (0 <= start < end <= width) if note.onset_ticks < BAR else start >= end


def test_states_differ_without_colour() -> None:
    scale = pitch_scale([note.pitch for note in melody(0)], False)
    states: tuple[BarState, ...] = ("played", "committed", "tentative")
    alphabets = [set("".join(bar_rows(melody(0), state, scale, 16, 4, BAR))) - {" "} for state in states]
    assert not (alphabets[0] & alphabets[1])
    assert not (alphabets[1] & alphabets[2])
    assert not (alphabets[0] & alphabets[2])
