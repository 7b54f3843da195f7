from __future__ import annotations

from dataclasses import replace

from companion.music import Note, TimeSignature
from companion.session.api.settings import TrackSettings
from companion.session.lanes import make_lanes
from companion.session.requests.window import Ask, BarShelf, build_window, fits_model, fitting_dims, known_attributes
from tests.session.session_stage import CHECKPOINT, trio

LANES = make_lanes(trio().tracks)
NOTE, FOUR = Note(0, 480, 60), TimeSignature(4, 4)


def window(
    ask: Ask,
    known=lambda lane, bar: (NOTE,) if bar < 5 else None,
    lanes=LANES,
    meter=FOUR,
    shelf: BarShelf | None = None,
):
    return build_window(ask, lanes, known, lambda bar: meter, 500_000, shelf or BarShelf())


def test_no_window_is_larger_than_what_was_heard():
    assert fitting_dims(CHECKPOINT, 0, 1) == [4]
    assert fitting_dims(CHECKPOINT, 0, 6) == [4]
    assert fitting_dims(CHECKPOINT, 0, 7) == [8, 4]
    assert fitting_dims(CHECKPOINT, 4, 100) == [4]


def test_the_target_is_the_last_bar_and_the_humans_are_last_and_hidden():
    made = window(Ask(5, (1, 2, 3), 4, 0))
    assert made.first_bar == 2
    assert made.tracks == (1, 2, 3, 0)
    assert made.targets == ((0, 3), (1, 3), (2, 3))
    assert made.hidden == ((3, 3),)


def test_an_own_lane_that_is_not_asked_for_is_hidden_where_it_has_no_plan():
    made = window(Ask(5, (1,), 4, 0))
    assert set(made.hidden) == {(1, 3), (2, 3), (3, 3)}


def test_before_the_music_bars_are_empty():
    made = window(Ask(1, (1,), 4, 0), lambda lane, bar: (NOTE,) if bar == 0 else None if bar > 0 else ())
    human = made.score.tracks[-1]
    assert [len(bar.notes) for bar in human.bars] == [0, 0, 1, 0]


def test_with_a_written_future_the_target_is_not_last():
    made = window(Ask(5, (1,), 8, 0, known_ahead=2), lambda lane, bar: (NOTE,))
    assert (made.first_bar, made.targets) == (0, ((0, 5),))


def test_a_crowded_window_does_not_fit_and_can_be_thinned():
    crowd = tuple(Note(number, 1, 60) for number in range(300))
    ask = Ask(5, (1,), 4, 0)
    assert not fits_model(window(ask, lambda lane, bar: crowd), CHECKPOINT)
    assert fits_model(window(replace(ask, notes_a_bar=16), lambda lane, bar: crowd), CHECKPOINT)


def test_only_controls_that_fit_the_lane_and_the_checkpoint_are_sent():
    wanted = {"note_density": 3, "min_polyphony": 2, "swing": 1}
    bass, drums = make_lanes(
        [
            TrackSettings("b", "companion", attributes=wanted),
            TrackSettings("d", "companion", is_drum=True, attributes=wanted),
        ]
    )
    assert known_attributes(bass, CHECKPOINT) == {"min_polyphony": 2}
    assert known_attributes(drums, CHECKPOINT) == {"note_density": 3}


def test_a_call_asks_for_one_bar_where_the_checkpoint_can_be_asked():
    newer = replace(CHECKPOINT, attributes=("bar_note_density", "bar_max_polyphony", "silence_proportion"))
    wanted = {"silence_proportion": 2, "bar_note_density": 1, "bar_max_polyphony": 4}
    bass, drums = make_lanes(
        [
            TrackSettings("b", "companion", attributes=wanted),
            TrackSettings("d", "companion", is_drum=True, attributes=wanted),
        ]
    )
    assert known_attributes(drums, newer) == {"silence_proportion": 2, "bar_note_density": 1}
    assert known_attributes(drums, newer, {"note_density": 9}) == {"silence_proportion": 2, "bar_note_density": 9}
    assert known_attributes(bass, newer, {"note_density": 9}) == {"silence_proportion": 2, "bar_max_polyphony": 4}
    assert known_attributes(drums, CHECKPOINT, {"note_density": 9}) == {"note_density": 9}


def test_a_control_of_the_part_is_asked_of_its_bars_where_only_they_have_it():
    newer = replace(CHECKPOINT, attributes=("bar_max_polyphony", "bar_min_polyphony", "max_note_duration"))
    (bass,) = make_lanes([TrackSettings("b", "companion", attributes={"max_polyphony": 0, "max_note_duration": 2})])
    assert known_attributes(bass, newer) == {"bar_max_polyphony": 0, "max_note_duration": 2}
    (piano,) = make_lanes([TrackSettings("p", "companion", attributes={"max_polyphony": 0, "bar_max_polyphony": 3})])
    assert known_attributes(piano, newer) == {"bar_max_polyphony": 3}


def test_bars_of_an_earlier_window_are_used_again_unless_their_notes_or_their_meter_have_changed():
    shelf, other = BarShelf(), Note(0, 480, 61)
    first = window(Ask(5, (1, 2, 3), 4, 0), shelf=shelf).score.tracks[0].bars
    moved = window(Ask(6, (1, 2, 3), 4, 0), known=lambda lane, bar: (NOTE,), shelf=shelf).score.tracks[0].bars
    assert [bar is again for bar, again in zip(first[1:3], moved[:2], strict=True)] == [True, True]
    changed = (
        window(Ask(5, (1, 2, 3), 4, 0), known=lambda lane, bar: (other if bar == 3 else NOTE,), shelf=shelf)
        .score.tracks[0]
        .bars
    )
    assert [bar.notes for bar in changed[:3]] == [(NOTE,), (other,), (NOTE,)]
    waltz = window(Ask(5, (1, 2, 3), 4, 0), meter=TimeSignature(3, 4), shelf=shelf).score.tracks[0].bars
    assert {bar.time_signature for bar in waltz} == {TimeSignature(3, 4)}
