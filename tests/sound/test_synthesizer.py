"""Levels, colours and endings of the built-in instruments, as rendered."""

from __future__ import annotations

import numpy as np
import pytest

from companion.sound.rendering import RATE, Timed
from companion.sound.synth.bank import ToneBank
from companion.sound.synth.synthesizer import Synthesizer
from companion.sound.synth.voices import BLOCK, MOST_VOICES
from companion.sound.synthesis.drums import FIRST_KEY, LAST_KEY
from tests.sound.listening import brightness, hear, level_db, note, program

PIANO, EP, ORGAN, GUITAR, BASS, STRINGS, TRUMPET, SAX, FLUTE, LEAD, PAD = 0, 4, 16, 25, 33, 48, 56, 66, 73, 81, 89
FAMILIES = (PIANO, EP, 11, ORGAN, GUITAR, 26, BASS, 32, 40, STRINGS, TRUMPET, SAX, 71, FLUTE, LEAD, PAD)
PEDAL, VOLUME, PAN = 64, 7, 10


@pytest.mark.parametrize("number", FAMILIES)
def test_every_family_is_about_as_loud_as_the_others(number: int) -> None:
    """Over the first 0.6 s: neither lost in a mix nor shouting; and nothing is clipped."""
    sound = hear(program(number), *note(0, 57, 0.6))
    assert -33.5 < level_db(sound[: int(0.6 * RATE)]) < -21.5
    assert np.abs(sound).max() < 0.9


@pytest.mark.parametrize("number", [PIANO, EP, GUITAR, BASS])
def test_a_struck_note_darkens_while_it_dies(number: int) -> None:
    sound = hear(program(number), *note(0, 48, 2.0, 110))
    early, late = sound[: RATE // 4], sound[RATE * 3 // 2 : RATE * 7 // 4]
    assert brightness(late) < 0.8 * brightness(early)
    assert level_db(late) < level_db(early) - 3


@pytest.mark.parametrize("number", [ORGAN, STRINGS, TRUMPET, FLUTE, PAD])
def test_a_held_note_goes_on_without_a_seam(number: int) -> None:
    """Several times as long as the tone in memory: as loud at the end as before, and no step larger than its own wave has."""
    sound = hear(program(number), *note(0, 57, 6.0))
    assert level_db(sound[5 * RATE : 6 * RATE]) == pytest.approx(level_db(sound[2 * RATE : 3 * RATE]), abs=1.0)
    steps = np.abs(np.diff(sound[RATE : 6 * RATE].mean(axis=1)))
    assert steps.max() < 9 * np.sqrt(np.mean(steps**2))


@pytest.mark.parametrize("number", FAMILIES)
def test_a_note_ends_without_a_click(number: int) -> None:
    """Let go at an arbitrary moment: no step that the sounding note did not have."""
    sound = hear(program(number), *note(0, 60, 0.4137)).mean(axis=1)
    end = int(0.4137 * RATE)
    while_sounding, at_end = np.abs(np.diff(sound[end - 4800 : end])), np.abs(np.diff(sound[end : end + 480]))
    assert at_end.max() <= 1.5 * while_sounding.max()


def test_velocity_makes_louder_and_brighter() -> None:
    soft, hard = (hear(program(PIANO), *note(0, 55, 0.5, velocity)) for velocity in (40, 120))
    assert level_db(hard) - level_db(soft) == pytest.approx(40 * np.log10(120 / 40), abs=2.5)
    assert brightness(hard) > 1.15 * brightness(soft)


def test_the_pedal_holds_what_was_let_go() -> None:
    down, up = Timed(0.1, 0xB0, PEDAL, 127), Timed(1.0, 0xB0, PEDAL, 0)
    held = hear(program(STRINGS), *note(0, 60, 0.3), down, up)
    dry = hear(program(STRINGS), *note(0, 60, 0.3))
    late = slice(int(0.9 * RATE), int(0.98 * RATE))
    assert level_db(held[late]) > level_db(dry[-BLOCK:]) + 20
    assert level_db(held[-BLOCK:]) < -60


def test_volume_pan_and_bend_are_obeyed() -> None:
    plain = hear(program(ORGAN), *note(0, 60))[: RATE // 2]
    quiet = hear(program(ORGAN), Timed(0, 0xB0, VOLUME, 50), *note(0, 60))[: RATE // 2]
    assert level_db(quiet) == pytest.approx(level_db(plain) - 40 * np.log10(2), abs=0.5)
    left = hear(program(ORGAN), Timed(0, 0xB0, PAN, 0), *note(0, 60))[: RATE // 2]
    assert level_db(left[:, :1]) > level_db(left[:, 1:]) + 10
    bent = hear(program(FLUTE), Timed(0, 0xE0, 0x7F, 0x7F), *note(0, 60))[: RATE // 2]
    assert _pitch(bent) == pytest.approx(293.7, abs=3)


def _pitch(sound: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(sound.mean(axis=1), 8 * len(sound)))
    return float(np.argmax(spectrum) * RATE / (8 * len(sound)))


@pytest.mark.parametrize("key", [33, 45, 57, 62, 70, 85, 94])
@pytest.mark.parametrize("number", [PIANO, BASS, TRUMPET])
def test_keys_between_the_tones_in_memory_are_in_tune(number: int, key: int) -> None:
    hertz = 440 * 2 ** ((key - 69) / 12)
    sound = hear(program(number), *note(0, key, 1.0))[: RATE // 2].mean(axis=1)
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 8 * len(sound)))
    around = slice(int(hertz * 0.95 * len(sound) * 8 / RATE), int(hertz * 1.05 * len(sound) * 8 / RATE))
    found = (around.start + np.argmax(spectrum[around])) * RATE / (8 * len(sound))
    assert abs(1200 * np.log2(found / hertz)) < 8


def test_every_drum_sounds_and_dies() -> None:
    for key in range(FIRST_KEY, LAST_KEY + 1):
        sound = hear(*note(0, key, 0.1, channel=9))
        assert -52 < level_db(sound[: int(0.3 * RATE)]) < -20, key
        assert np.abs(sound[-BLOCK:]).max() < 1e-3, key


def test_a_closed_hat_ends_an_open_one() -> None:
    open_hat = note(0, 46, 0.1, channel=9)
    choked, alone = hear(*open_hat, *note(0.1, 42, 0.1, channel=9)), hear(*open_hat)
    late = slice(int(0.3 * RATE), int(0.4 * RATE))
    assert level_db(choked[late]) < level_db(alone[late]) - 12


def test_loud_chords_are_limited_not_clipped() -> None:
    """Sixty loud notes, 20 dB up: within the ceiling, and the waveform is never flattened at it."""
    chord = [message for key in range(30, 90) for message in note(0.01 * (key - 30), key, 1.0, 127)]
    sound = hear(program(LEAD), *chord, gain=10.0)
    assert 0.5 < np.abs(sound).max() <= 0.95
    flat = (np.abs(sound[1:]) > 0.93) & (sound[1:] == sound[:-1])
    assert not flat.any()


def test_no_more_than_32_voices_sound() -> None:
    synthesizer = Synthesizer(RATE, ToneBank())
    for key in range(40, 100):
        synthesizer.render([(0, 0x90, key, 90)])
    assert synthesizer.sounding == MOST_VOICES


def test_sound_off_silences_within_a_moment() -> None:
    synthesizer = Synthesizer(RATE, ToneBank())
    synthesizer.render([(0, 0xC0, STRINGS, 0), *((0, 0x90, key, 110) for key in range(48, 72))])
    for _ in range(40):
        synthesizer.render()
    synthesizer.render([(0, 0xB0, 120, 0)])
    for _ in range(10):
        synthesizer.render()
    assert synthesizer.sounding == 0


def test_a_device_of_another_rate_hears_the_same_pitch() -> None:
    for rate in (22_050, 44_100, 96_000):
        synthesizer = Synthesizer(rate, ToneBank())
        blocks = [synthesizer.render([(0, 0xC0, FLUTE, 0), (0, 0x90, 69, 100)])]
        blocks += [synthesizer.render() for _ in range(rate // BLOCK)]
        mono = np.concatenate(blocks).mean(axis=1)
        found = np.argmax(np.abs(np.fft.rfft(mono))) * rate / len(mono)
        assert found == pytest.approx(440, abs=3), rate
