"""Song files: what a player is shown, and what unusual files become."""

from pathlib import Path

import mido
import pytest

from companion.errors import MidiFileError
from companion.practice.song_file import describe, load_song


def save(path: Path, *tracks, kind=1, division=480):
    file = mido.MidiFile(type=kind, ticks_per_beat=division)
    for messages in tracks:
        track = mido.MidiTrack(messages)
        track.append(mido.MetaMessage("end_of_track"))
        file.tracks.append(track)
    file.save(path)
    return path


def notes(channel=0, count=8, step=480, pitch=60):
    for index in range(count):
        yield mido.Message("note_on", channel=channel, note=pitch + index % 5, velocity=80, time=0)
        yield mido.Message("note_off", channel=channel, note=pitch + index % 5, time=step)


def test_parts_are_listed_with_what_a_player_wants_to_know(tmp_path):
    name = mido.MetaMessage("track_name", name="Lead")
    program = mido.Message("program_change", program=73)
    marker = mido.MetaMessage("marker", text="Bridge", time=1920)
    path = save(
        tmp_path / "tune.mid",
        [mido.MetaMessage("set_tempo", tempo=600_000), marker],
        [name, program, *notes()],
        list(notes(9)),
    )
    found = load_song(path)
    lead, drums = found.parts
    assert (lead.number, lead.name, lead.channel, lead.instrument, lead.notes) == (1, "Lead", 1, "Flute", 8)
    assert drums.is_drum
    assert found.song.sections == ((1, "Bridge"),)
    assert found.song.tempo_changes == ((0.0, 100.0),)
    lines = describe(found)
    assert lines[0] == "tune: 2 bars, 4/4, 100 BPM, 2 parts"
    assert "Lead" in lines[2]


def test_a_file_without_tempo_plays_at_120(tmp_path):
    assert load_song(save(tmp_path / "a.mid", list(notes()))).song.tempo_changes == ((0.0, 120.0),)


def test_a_file_without_notes_is_refused(tmp_path):
    path = save(tmp_path / "empty.mid", [mido.MetaMessage("set_tempo", tempo=500_000)])
    with pytest.raises(MidiFileError, match="has no notes"):
        load_song(path)


def test_sixty_four_tracks(tmp_path):
    parts = [[mido.Message("program_change", channel=n % 9, program=n), *notes(n % 9)] for n in range(64)]
    found = load_song(save(tmp_path / "big.mid", *parts))
    assert len(found.parts) == 64
    assert any("64 parts on 16 channels" in remark for remark in found.remarks)


def test_type_0_and_type_2(tmp_path):
    zero = load_song(save(tmp_path / "zero.mid", [*notes(0, 4), *notes(1, 4)], kind=0))
    assert [part.channel for part in zero.parts] == [1, 2]
    two = load_song(save(tmp_path / "two.mid", list(notes(0, 4)), list(notes(0, 4)), kind=2))
    assert two.song.score.bar_count == 2
    assert any("type 2" in remark for remark in two.remarks)


def test_smpte_time_is_laid_out_in_beats_and_said(tmp_path):
    path = save(tmp_path / "smpte.mid", list(notes(step=500)))
    data = bytearray(path.read_bytes())
    data[12:14] = bytes([256 - 25, 40])  # 25 frames of 40 ticks: milliseconds
    path.write_bytes(data)
    found = load_song(path)
    assert any("SMPTE" in remark for remark in found.remarks)
    assert [note.onset_ticks for note in found.song.score.tracks[0].bars[0].notes] == [0, 480, 960, 1440]


def test_a_meter_change_inside_a_bar_moves_nothing(tmp_path):
    conductor = [
        mido.MetaMessage("time_signature", numerator=4, denominator=4),
        mido.MetaMessage("time_signature", numerator=3, denominator=4, time=480 * 6),
    ]
    found = load_song(save(tmp_path / "cut.mid", conductor, list(notes(count=12))))
    bars = found.song.score.tracks[0].bars
    assert [str(bar.time_signature) for bar in bars] == ["4/4", "2/4", "3/4", "3/4"]
    assert any("cut short" in remark for remark in found.remarks)
