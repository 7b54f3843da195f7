"""Session bars to song bars: passes, seams, loops changed on the way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.errors import UsageError
from companion.session.loop import PassMap, Place


def bars(passes, count):
    return [place.song_bar if (place := passes.at(bar)) else None for bar in range(count)]


def test_without_a_loop_the_song_ends():
    passes = PassMap.of(3)
    assert bars(passes, 5) == [0, 1, 2, None, None]
    assert passes.at(-1) is None
    assert passes.seam_after(0) == 3


def test_a_loop_goes_round_and_counts_passes():
    passes = PassMap.of(8, (2, 4))
    assert bars(passes, 5) == [2, 3, 2, 3, 2]
    assert passes.at(4) == Place(2, 3)
    assert [passes.seam_after(bar) for bar in range(4)] == [2, 2, 4, 4]


def test_a_loop_set_while_inside_it_does_not_jump():
    passes = PassMap.of(8).with_loop((1, 4), 3)
    assert bars(passes, 8) == [0, 1, 2, 3, 1, 2, 3, 1]
    assert passes.at(3) == Place(3, 1)
    assert passes.seam_after(1) == 4


def test_a_loop_set_elsewhere_goes_to_its_start_as_a_new_pass():
    passes = PassMap.of(8).with_loop((5, 7), 2)
    assert bars(passes, 6) == [0, 1, 5, 6, 5, 6]
    assert passes.at(2) == Place(5, 2)
    assert passes.seam_after(0) == 2
    assert bars(passes.with_loop(None, 5), 8) == [0, 1, 5, 6, 5, 6, 7, None]


def test_seeking_leaves_a_loop_it_lies_outside_of():
    assert bars(PassMap.of(6, (0, 2)).with_seek(4, 3), 6) == [0, 1, 0, 4, 5, None]
    assert bars(PassMap.of(6, (0, 3)).with_seek(1, 2), 6) == [0, 1, 1, 2, 0, 1]


def test_a_loop_after_the_end_starts_again():
    assert bars(PassMap.of(2).with_loop((0, 2), 4), 7) == [0, 1, None, None, 0, 1, 0]


@pytest.mark.parametrize("loop", [(-1, 2), (2, 2), (3, 1), (0, 9), (8, 9)])
def test_loops_outside_the_song_are_refused(loop):
    with pytest.raises(UsageError, match="the song has bars 1-8"):
        PassMap.of(8, loop)
    with pytest.raises(UsageError, match="the song has bars 1-8"):
        PassMap.of(8).with_seek(8, 0)


@given(st.integers(1, 12), st.data())
def test_every_bar_follows_the_one_before_or_a_seam(bar_count, data):
    start = data.draw(st.integers(0, bar_count - 1))
    end = data.draw(st.integers(start + 1, bar_count))
    passes = PassMap.of(bar_count, (start, end))
    for bar in range(3 * bar_count):
        here, there = passes.at(bar), passes.at(bar + 1)
        if passes.seam_after(bar) == bar + 1:
            assert there == Place(start, here.pass_number + 1)
        else:
            assert there == Place(here.song_bar + 1, here.pass_number)
