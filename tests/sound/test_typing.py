"""Notes from a computer's keyboard: what sounds, when it ends, and what a held key's repetitions do. Times are literal."""

from __future__ import annotations

import pytest

from companion.midi.codec import Decoder
from companion.midi.messages import Message, NoteOff, NoteOn
from companion.tui.sound.keyboard import DRUM_KEYS, Timed, TypingKeyboard


def _read(messages: list[Timed]) -> list[tuple[float, Message]]:
    return [(round(at, 3), message) for at, data in messages for message in Decoder().feed(data)]


def _strokes(messages: list[Timed]) -> list[tuple[float, int]]:
    return [(at, message.key) for at, message in _read(messages) if isinstance(message, NoteOn)]


def _held(key: str, first: float, delay: float, seconds: float, interval: float = 0.033) -> list[tuple[str, float]]:
    """What a terminal sends while a key is held."""
    count = int((seconds - delay) / interval)
    return [(key, first), *((key, first + delay + interval * number) for number in range(count))]


def _type(keyboard: TypingKeyboard, keys: list[tuple[str, float]], until: float) -> list[Timed]:
    """Press keys as they come, looking 50 times a second in between."""
    found: list[Timed] = []
    now = 0.0
    for key, at in [*keys, ("", until)]:
        while now < at:
            found += keyboard.look(now)
            now += 0.02
        found += keyboard.press(key, at)
    return found


def test_two_rows_are_a_piano_and_one_is_a_drum_kit() -> None:
    keyboard = TypingKeyboard(channel=2)
    assert [keyboard.pitch_of(key) for key in ("a", "w", "s", "k")] == [(2, 60), (2, 61), (2, 62), (2, 72)]
    assert keyboard.pitch_of("z") == (9, 36)
    assert keyboard.pitch_of("q") is None
    assert len({keyboard.pitch_of(key) for key in DRUM_KEYS}) == len(DRUM_KEYS)


def test_a_note_ends_with_the_next_one_at_the_time_of_its_key() -> None:
    keyboard = TypingKeyboard()
    first, second = keyboard.press("a", 1.0), keyboard.press("d", 1.3)
    assert _read(first) == [(1.0, NoteOn(0, 60, 88))]
    assert _read(second) == [(1.3, NoteOff(0, 60)), (1.3, NoteOn(0, 64, 88))]


def test_keys_struck_together_are_a_chord() -> None:
    keyboard = TypingKeyboard()
    chord = [message for key, at in (("a", 1.0), ("d", 1.02), ("g", 1.03)) for message in keyboard.press(key, at)]
    assert _strokes(chord) == [(1.0, 60), (1.02, 64), (1.03, 67)]
    assert not any(isinstance(message, NoteOff) for _, message in _read(chord))
    assert [message for _, message in _read(keyboard.press("f", 1.4))][:3] == [
        NoteOff(0, 60),
        NoteOff(0, 64),
        NoteOff(0, 67),
    ]


def test_a_note_alone_ends_after_the_set_length() -> None:
    keyboard = TypingKeyboard()
    keyboard.press("a", 1.0)
    assert keyboard.look(1.59) == []
    assert _read(keyboard.look(1.7)) == [(1.6, NoteOff(0, 60))]
    keyboard.change("length", -1, 2.0)
    keyboard.press("a", 2.0)
    assert _read(keyboard.look(2.31)) == [(2.3, NoteOff(0, 60))]


@pytest.mark.parametrize("delay", [0.22, 0.3, 0.5, 0.66])
def test_a_held_key_is_one_note_for_as_long_as_it_is_held(delay: float) -> None:
    keyboard = TypingKeyboard()
    found = _type(keyboard, _held("a", 1.0, delay, 2.0), until=5.0)
    assert _strokes(found) == [(1.0, 60)]
    offs = [at for at, message in _read(found) if isinstance(message, NoteOff)]
    if delay < 0.6:  # a note that has ended by its length is not begun again
        assert offs == [pytest.approx(3.05, abs=0.12)]


def test_one_key_struck_again_and_again_is_as_many_notes_at_the_times_of_the_strokes() -> None:
    for gap in (0.1, 0.25, 0.5, 0.9):
        keyboard = TypingKeyboard()
        keys = [("a", 1 + gap * number) for number in range(6)]
        assert _strokes(_type(keyboard, keys, until=8.0)) == [(pytest.approx(at), 60) for _, at in keys]


def test_once_the_delay_is_known_other_strokes_sound_at_once() -> None:
    keyboard = TypingKeyboard()
    _type(keyboard, _held("a", 1.0, 0.5, 1.0), until=4.0)
    keyboard.press("s", 5.0)
    assert _strokes(keyboard.press("s", 5.3)) == [(5.3, 62)]
    assert _strokes(keyboard.press("s", 5.8)) == []  # this one may be a repetition: 0.5 s after the stroke
    assert _strokes(keyboard.look(5.87)) == [(5.8, 62)]


def test_leaving_ends_everything_and_octaves_leave_nothing_behind() -> None:
    keyboard = TypingKeyboard()
    keyboard.press("a", 1.0)
    assert _read(keyboard.change("octave", 1, 1.1)) == [(1.1, NoteOff(0, 60))]
    keyboard.press("a", 1.2)
    keyboard.press("z", 1.21)
    assert {message for _, message in _read(keyboard.release_all(1.3))} == {NoteOff(0, 72), NoteOff(9, 36)}
    assert keyboard.release_all(1.4) == []
    for _ in range(9):
        keyboard.change("octave", 1, 2.0)
        keyboard.change("velocity", 1, 2.0)
    assert keyboard.octave == 3
    assert keyboard.velocity == 120
