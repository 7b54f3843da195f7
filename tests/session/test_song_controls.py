"""What a song says beside its notes: played with its bars, and brought about wherever the song is entered."""

from __future__ import annotations

from pathlib import Path

import pytest

from companion.midi.messages import (
    ControlChange,
    NoteOff,
    NoteOn,
    PitchBend,
    Pressure,
    ProgramChange,
    SystemExclusive,
)
from companion.music.files.chunks import build
from companion.practice.setup import Wishes, song_settings
from companion.practice.song_file import load_song
from companion.session.api.commands import command
from tests.session.session_stage import READY, Stage

CASES = Path(__file__).resolve().parents[1] / "data" / "cases"
BEAT = 0.5  # seconds, at 120 BPM


def stage_of(path, **wishes):
    stage = Stage(song_settings(load_song(path), Wishes(**wishes)))
    stage.at(stage.start_seconds + 0.1, READY)
    return stage


def started(path, bar=0, **wishes):
    """A stage that plays from a song bar, and the moment at which it begins."""
    stage = stage_of(path, **wishes)
    begin = stage.start_seconds + 1.0
    if bar:
        stage.at(begin - 0.5, command("seek", bar=bar))
    stage.at(begin, command("continue" if bar else "start"))
    return stage, begin


def heard(stage, begin, kinds, channel=None):
    """(beats since the beginning, message) of what was sent."""
    found = [(round((seconds - begin) / BEAT, 2), effect.message) for seconds, effect in stage.sent(kinds)]
    return [item for item in found if channel is None or item[1].channel == channel]


def note(start, end, pitch=60, channel=0):
    return [(start, bytes((0x90 | channel, pitch, 80))), (end, bytes((0x80 | channel, pitch, 64)))]


def saved(path, *tracks):
    path.write_bytes(build(480, [sorted(track, key=lambda event: event[0]) for track in tracks]))
    return path


def test_volume_pan_pedal_and_bend_are_played_where_they_are_written():
    stage, begin = started(CASES / "01_pedal.mid")
    stage.run(begin + 4.0)
    piano = heard(stage, begin, ControlChange, channel=0)
    assert piano[:3] == [
        (0.0, ControlChange(0, 7, 50)),
        (0.0, ControlChange(0, 10, 20)),
        (0.0, ControlChange(0, 64, 127)),
    ]
    assert (3.88, ControlChange(0, 64, 0)) in piano
    assert (4.0, ControlChange(0, 64, 127)) in piano
    assert heard(stage, begin, PitchBend) == [
        (0.0, PitchBend(1, 0)),
        (1.0, PitchBend(1, 4096)),
        (2.0, PitchBend(1, 0)),
    ]
    first = [type(effect.message) for _, effect in stage.sent((ControlChange, NoteOn))][:4]
    assert first == [ControlChange, ControlChange, ControlChange, NoteOn]


def test_a_program_changes_where_the_file_changes_it():
    stage, begin = started(CASES / "15_program_changes.mid")
    stage.run(begin + 6.5)
    programs = [message.program for beats, message in heard(stage, begin, ProgramChange, channel=0) if beats > 0.5]
    assert programs == [18, 0]
    keys = {message.channel for _, message in heard(stage, begin, NoteOn)}
    assert keys == {0}


def test_an_entry_in_the_middle_brings_about_what_was_said_before(tmp_path):
    volume = [(0, b"\xb0\x07\x30"), (1920, b"\xb0\x07\x40"), (2400, b"\xb0\x40\x7f"), (3840, b"\xb0\x07\x50")]
    notes = [event for bar in range(4) for event in note(1920 * bar, 1920 * bar + 480)]
    stage, begin = started(saved(tmp_path / "a.mid", [*volume, *notes]), bar=2)
    stage.run(begin + 0.5)
    sent = [message for _, message in heard(stage, begin, ControlChange)]
    assert ControlChange(0, 64, 127) in sent
    assert sent[-1] == ControlChange(0, 7, 0x50)
    assert ControlChange(0, 7, 0x30) not in sent


def test_the_seam_of_a_loop_takes_back_what_the_loop_has_changed(tmp_path):
    """Only that: a channel's state is not sent again where it is right already."""
    moves = [(0, b"\xb0\x0a\x20"), (2400, b"\xb0\x40\x7f"), (2880, b"\xe0\x00\x60")]
    notes = [event for bar in range(3) for event in note(1920 * bar, 1920 * bar + 480)]
    stage, begin = started(saved(tmp_path / "a.mid", [*moves, *notes]), loop="1-2")
    stage.run(begin + 4.9)
    seam = [item for item in heard(stage, begin, (ControlChange, PitchBend)) if 7.9 < item[0] < 8.9]
    assert seam == [(8.0, ControlChange(0, 64, 0)), (8.0, PitchBend(0, 0))]


def test_key_pressure_is_transposed_with_its_key(tmp_path):
    notes = [event for bar in range(2) for event in note(1920 * bar, 1920 * bar + 480)]
    stage, begin = started(saved(tmp_path / "a.mid", [(240, b"\xa0\x3c\x40"), *notes]), transpose=2)
    stage.run(begin + 0.5)
    assert heard(stage, begin, Pressure) == [(0.5, Pressure(0, 0x40, 62))]


def test_at_rest_no_pedal_is_down(tmp_path):
    path = saved(tmp_path / "a.mid", [(0, b"\xb0\x40\x7f"), (0, b"\xe0\x00\x60"), *note(0, 480), *note(3840, 4320)])
    stage, begin = started(path)
    stage.at(begin + 1.0, command("stop"))
    stage.run(begin + 1.5)
    last = [message for beats, message in heard(stage, begin, (ControlChange, PitchBend)) if beats >= 2.0]
    assert set(last) == {ControlChange(0, 64, 0), PitchBend(0, 0)}
    stage.at(begin + 2.0, command("start"))
    stage.run(begin + 2.5)
    again = [message for beats, message in heard(stage, begin, (ControlChange, PitchBend)) if beats >= 4.0]
    assert {ControlChange(0, 64, 127), PitchBend(0, 4096)} <= set(again)


def test_a_filled_part_keeps_its_mix_and_a_player_is_sent_nothing():
    stage, begin = started(CASES / "01_pedal.mid", me="Lead", fills=("Piano",))
    stage.run(begin + 4.0)
    assert {message.controller for _, message in heard(stage, begin, ControlChange)} <= {7, 10}
    assert heard(stage, begin, PitchBend) == []


def test_system_exclusive_messages_are_sent_once_before_the_programs():
    stage, begin = started(CASES / "09_xg_drums_channel_4.mid", loop="1-2")
    stage.run(begin + 9.0)
    sent = [effect.message for _, effect in stage.sent((SystemExclusive, ProgramChange, NoteOn))]
    assert sent[0] == SystemExclusive((0xF0, 0x43, 0x10, 0x4C, 0, 0, 0x7E, 0, 0xF7))
    assert sum(isinstance(message, SystemExclusive) for message in sent) == 1


def test_a_device_that_was_away_is_told_everything_again(tmp_path):
    from companion.session.api.events import PortChanged

    notes = [event for bar in range(4) for event in note(1920 * bar, 1920 * bar + 480)]
    stage, begin = started(saved(tmp_path / "a.mid", [(0, b"\xb0\x07\x30"), *notes]))
    stage.at(begin + 0.5, PortChanged("", "out", False, "synth"))
    stage.at(begin + 1.0, PortChanged("", "out", True, "synth"))
    stage.run(begin + 2.5)
    assert [beats for beats, message in heard(stage, begin, ControlChange) if message == ControlChange(0, 7, 0x30)] == [
        0.0,
        4.0,
    ]


@pytest.mark.parametrize("path", sorted(CASES.glob("*.mid")), ids=lambda path: path.stem)
def test_every_case_plays_to_its_end_and_nothing_hangs(path):
    stage, begin = started(path)
    stage.run(begin + 20.0)
    stage.close()
    assert stage.hanging == 0
    assert stage.sent(NoteOn)
    assert len(stage.sent(NoteOn)) == len(stage.sent(NoteOff))
