from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from companion.music import Note, TimeSignature
from companion.session.input.capture import Capture
from companion.session.timing.timeline import Timeline

A4 = ("keys", 0, 69)


def capture() -> Capture:
    return Capture(Timeline(lambda song_bar: TimeSignature(4, 4), lambda song_bar: song_bar + 1))


def test_true_onset_and_duration():
    heard = capture()
    heard.note_on(0, A4, 80, 1.001)
    heard.note_off(A4, 1.501)
    assert heard.notes(0, 0, 4.0) == (Note(480, 240, 69, 80, 230),)


def test_an_early_note_belongs_to_the_next_bar():
    heard = capture()
    heard.note_on(0, A4, 80, 3.97)
    heard.note_off(A4, 4.5)
    assert heard.notes(0, 0, 8.0) == ()
    (note,) = heard.notes(0, 1, 8.0)
    assert note.onset_ticks == 0
    assert note.delta == -round(0.03 * 480 * 480)


def test_a_note_not_so_early_stays():
    heard = capture()
    heard.note_on(0, A4, 80, 3.95)
    assert len(heard.notes(0, 0, 4.0)) == 1


def test_a_held_note_lasts_until_now():
    heard = capture()
    heard.note_on(0, A4, 80, 2.0)
    assert heard.notes(0, 0, 3.0)[0].duration_ticks == 480
    assert heard.notes(0, 0, 5.0)[0].duration_ticks == 3 * 480
    heard.note_off(A4, 6.0)
    assert heard.notes(0, 0, 9.0)[0].duration_ticks == 4 * 480


def test_doubled_note_ons_end_first_come_first_served():
    heard = capture()
    heard.note_on(0, A4, 80, 0.0)
    heard.note_on(0, A4, 90, 1.0)
    heard.note_off(A4, 2.0)
    heard.note_off(A4, 3.0)
    assert [(note.velocity, note.duration_ticks) for note in heard.notes(0, 0, 4.0)] == [(80, 960), (90, 960)]
    assert heard.doubled_ons == 1


def test_the_pedal_holds_until_it_is_lifted():
    heard = capture()
    heard.pedal("keys", 0, True, 0.0)
    heard.note_on(0, A4, 80, 0.0)
    heard.note_off(A4, 0.5)
    heard.pedal("keys", 0, False, 3.0)
    assert heard.notes(0, 0, 4.0)[0].duration_ticks == 3 * 480


def test_a_key_struck_again_under_the_pedal_ends_the_old_note():
    heard = capture()
    heard.pedal("keys", 0, True, 0.0)
    heard.note_on(0, A4, 80, 0.0)
    heard.note_off(A4, 0.5)
    heard.note_on(0, A4, 80, 2.0)
    assert [note.duration_ticks for note in heard.notes(0, 0, 3.0)] == [960, 480]


def test_a_stray_note_off_is_counted():
    heard = capture()
    assert heard.note_off(A4, 1.0) is None
    assert heard.unpaired_offs == 1


def test_nothing_is_kept_of_what_is_played_while_nothing_runs():
    heard = capture()
    heard.note_on(0, A4, 80, None)
    heard.note_off(A4, 1.0)
    assert heard.notes(0, 0, 4.0) == ()
    assert heard.notes_in == 1


events = st.lists(
    st.tuples(st.sampled_from(["on", "off", "down", "up", "stop", "lost"]), st.integers(60, 63), st.floats(0.01, 0.5)),
    max_size=60,
)


@given(events)
def test_every_note_is_kept_once_with_a_sane_length(history):
    heard, position = capture(), 0.0
    for kind, key, step in history:
        position += step
        if kind == "on":
            heard.note_on(0, ("keys", 0, key), 80, position)
        elif kind == "off":
            heard.note_off(("keys", 0, key), position)
        elif kind in ("down", "up"):
            heard.pedal("keys", 0, kind == "down", position)
        elif kind == "stop":
            heard.end_all(position)
        else:
            heard.port_lost("keys", position)
    bars = [heard.notes(0, bar, position) for bar in range(int(position // 4) + 2)]
    assert sum(map(len, bars)) == heard.notes_in
    assert all(0 <= note.onset_ticks < 1920 and 1 <= note.duration_ticks <= 480 * 31 for bar in bars for note in bar)
