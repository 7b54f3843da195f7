"""Audio files: every onset where the MIDI has it, whole files or none."""

from __future__ import annotations

import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from companion.errors import SoundError
from companion.midi.file import read_song
from companion.music import Bar, Note, Score, Track
from companion.music.song import FileSong
from companion.sound.rendering import RATE, messages_of, write_sound
from tests.sound.listening import hear, level_db, onsets

TICKS = (0, 437, 961, 1444)  # of a quarter of 480, in a bar of 4/4
TEMPO_MAP = ((0, 500_000), (1920, 375_000))  # 120 BPM, then 160


def _song(key: int, program: int = 0, *, drums: bool = False) -> FileSong:
    bars = tuple(Bar(tuple(Note(tick, 90, key, 110) for tick in TICKS)) for _ in range(3))
    return FileSong(Score((Track(bars, program, drums),)), TEMPO_MAP)


def _expected() -> list[float]:
    first = [tick / 480 * 0.5 for tick in TICKS]
    return first + [2.0 + bar * 1.5 + tick / 480 * 0.375 for bar in (0, 1) for tick in TICKS]


def test_onsets_lie_where_the_song_has_them_to_the_frame() -> None:
    sound = hear(*messages_of(_song(75, drums=True)))
    late = [frame / RATE - seconds for frame, seconds in zip(onsets(sound), _expected(), strict=True)]
    assert max(late) - min(late) < 1.5 / RATE
    assert 0 <= min(late) < 0.001


@pytest.mark.parametrize(("program", "key"), [(0, 60), (4, 64), (12, 72), (16, 60), (28, 52), (33, 40)])
def test_instruments_begin_within_a_millisecond_of_one_another(program: int, key: int) -> None:
    """Over what rings on, a note's beginning is where the level rises: a constant time after its onset."""
    sound = hear(*messages_of(_song(key, program)))
    power = np.convolve((sound.astype(np.float64) ** 2).sum(axis=1), np.ones(48) / 48, "full")[: len(sound)]
    late = []
    for seconds in _expected():
        at = round(seconds * RATE)
        before = power[max(at - 240, 0) : at + 1].max()
        late.append(int(np.argmax(power[at : at + 2400] > 4 * before + 1e-7)))
    assert (
        max(late) - min(late)
    ) / RATE <= 0.001 + 1 / 200  # ringing on hides up to five milliseconds of a soft attack
    assert late[0] < 0.01 * RATE


def test_a_file_is_a_wave_file_of_the_right_length_and_ends_in_silence(tmp_path: Path) -> None:
    shares: list[float] = []
    path = tmp_path / "song.wav"
    seconds = write_sound(_song(57, 25), path, progress=shares.append)
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, RATE)
        frames = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2) / 32768
    assert len(frames) == round(seconds * RATE)
    assert 4.7 < seconds < 9
    assert np.abs(frames[-480:]).max() < 0.001
    assert -40 < level_db(frames[: 4 * RATE]) < -15
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_a_score_without_notes_is_a_short_silence(tmp_path: Path) -> None:
    assert write_sound(Score((Track((Bar(),)),)), tmp_path / "rest.wav") < 1


def test_more_instruments_than_channels_take_turns() -> None:
    tracks = tuple(Track((Bar((Note(0, 100, 60, 90),)),), program) for program in range(20))
    messages = messages_of(Score(tracks))
    assert sum(message.status & 0xF0 == 0xC0 for message in messages) == 20
    assert all(message.status & 0x0F != 9 for message in messages)


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "folder.wav"
    target.mkdir()
    with pytest.raises(SoundError, match="cannot be written"):
        write_sound(_song(60), target)
    assert list(tmp_path.iterdir()) == [target]


def test_volume_pedal_and_bend_of_a_file_are_heard() -> None:
    """Each part on its own channel; at one moment notes end before the pedal goes down, and begin after it."""
    song = read_song(Path(__file__).resolve().parents[1] / "data" / "cases" / "01_pedal.mid")
    messages = messages_of(song)
    first = [message for message in messages if message.seconds == 0.0]
    assert [(m.status, m.first, m.second) for m in first if m.status == 0xB0] == [
        (0xB0, 7, 50),
        (0xB0, 10, 20),
        (0xB0, 64, 127),
    ]
    kinds = [message.status & 0xF0 for message in first if message.status & 0x0F == 0]
    assert kinds.index(0x90) > max(index for index, kind in enumerate(kinds) if kind == 0xB0)
    assert [(m.seconds, m.first | m.second << 7) for m in messages if m.status == 0xE1] == [(0.5, 12288), (1.0, 8192)]


def test_what_a_recording_has_beside_its_notes_is_heard() -> None:
    bars = (Bar((Note(0, 480, 60),)),)
    song = replace(FileSong.of(Score((Track(bars),))), controls=(((240, b"\xb5\x40\x7f"), (300, b"\xc5\x07")),))
    assert [message for message in messages_of(song) if message.status == 0xB0] == [(0.25, 0xB0, 64, 127)]
