"""Loudness beside FluidSynth's, where FluidSynth and a small General MIDI soundfont are installed."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from companion.sound.players.fluidsynth import REFERENCE_GAIN, FluidPlayer
from companion.sound.rendering import RATE
from companion.sound.wire import GAIN, Due
from tests.sound.listening import hear, level_db, note, program

SOUNDFONT = Path("/usr/share/sounds/sf2/TimGM6mb.sf2")
FRAMES = int(0.6 * RATE)
KEYS = (48, 60, 72)


@pytest.fixture(scope="module")
def fluidsynth():
    try:
        import fluidsynth as library
    except (ImportError, OSError):
        pytest.skip("FluidSynth is not installed")
    if not SOUNDFONT.is_file():
        pytest.skip(f"{SOUNDFONT} is not installed")
    synthesizer = library.Synth(gain=REFERENCE_GAIN, samplerate=float(RATE))
    synthesizer.setting("synth.reverb.active", 0)
    synthesizer.setting("synth.chorus.active", 0)
    synthesizer.sfload(str(SOUNDFONT))
    yield synthesizer
    synthesizer.delete()


def _theirs(synthesizer, number: int, key: int) -> float:
    synthesizer.program_select(0, 1, 0, number)
    synthesizer.noteon(0, key, 100)
    samples = np.asarray(synthesizer.get_samples(FRAMES), dtype=np.float64).reshape(-1, 2) / 32768
    synthesizer.cc(0, 120, 0)
    synthesizer.get_samples(RATE // 4)
    return level_db(samples)


@pytest.mark.parametrize("number", [0, 4, 11, 16, 24, 26, 32, 33, 40, 48, 56, 61, 66, 71, 73, 80, 81, 89])
def test_each_family_is_as_loud_as_fluidsynth_within_3_db(fluidsynth, number: int) -> None:
    ours = np.mean([level_db(hear(program(number), *note(0, key, 0.6))[:FRAMES]) for key in KEYS])
    theirs = np.mean([_theirs(fluidsynth, number, key) for key in KEYS])
    assert abs(ours - theirs) < 3


def test_the_player_takes_every_kind_of_message(fluidsynth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Into a file, by FluidSynth's own driver for that; a thread that had failed would pass nothing on any more."""
    monkeypatch.chdir(tmp_path)
    player = FluidPlayer(SOUNDFONT, driver="file")
    kinds = [
        (GAIN, 100, 0),
        (0xC1, 33, 0),
        (0xC9, 1, 0),
        (0x91, 40, 90),
        (0xB1, 7, 80),
        (0xE1, 0, 64),
        (0xD1, 5, 0),
        (0x81, 40, 0),
    ]
    begun = time.monotonic()
    player.play([Due(begun - 0.03 + 0.001 * number, *kind) for number, kind in enumerate(kinds)])
    while player._waiting and time.monotonic() < begun + 5:
        time.sleep(0.005)
    assert not player._waiting
    assert player._thread.is_alive()
    player.close()
    assert not player._thread.is_alive()
    assert list(tmp_path.iterdir())
