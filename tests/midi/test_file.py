"""MIDI files on disk: names in errors, whole or absent writes, and bytes no parser expects."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from companion.errors import MidiFileError
from companion.midi.file import read_midi, read_song, to_bytes, write_midi
from companion.music import Score
from tests import golden

SEEDS = [path.read_bytes() for path in sorted((golden.COMPACT / "midi").glob("*.mid"))]


def test_what_is_written_is_read(tmp_path):
    score = golden.read("synth/s14_band8_human.mid")
    write_midi(score, tmp_path / "out.mid")
    again = read_midi(tmp_path / "out.mid")
    assert [track.bars for track in again.tracks] == [track.bars for track in score.tracks]
    assert read_midi((tmp_path / "out.mid").read_bytes()) == again
    assert list(tmp_path.iterdir()) == [tmp_path / "out.mid"]


def test_errors_name_the_file_and_the_fault(tmp_path):
    broken = tmp_path / "broken.mid"
    broken.write_bytes(SEEDS[0][4:])
    with pytest.raises(MidiFileError, match=r"broken\.mid: not a MIDI file"):
        read_midi(broken)
    with pytest.raises(MidiFileError, match=r"absent\.mid: cannot be read \(No such file"):
        read_midi(tmp_path / "absent.mid")
    with pytest.raises(MidiFileError, match="cannot be read"):
        read_midi(tmp_path)
    with pytest.raises(MidiFileError, match="cannot be written"):
        write_midi(Score(()), tmp_path / "no" / "such" / "folder.mid")


def mutated(data):
    """One golden file with some bytes changed, cut out or repeated."""
    body = bytearray(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, max(len(body) - 1, 0)))
        match data.draw(st.integers(0, 2)):
            case 0:
                body[at : at + 1] = bytes((data.draw(st.integers(0, 255)),))
            case 1:
                del body[at : at + data.draw(st.integers(1, 40))]
            case 2:
                body[at:at] = body[at : at + data.draw(st.integers(1, 40))]
    return bytes(body)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_mutated_files_are_read_or_refused(data):
    check(mutated(data))


@given(st.binary(max_size=300).map(lambda tail: SEEDS[0][:14] + b"MTrk\x00\x00\x01\x00" + tail.ljust(256, b"\0")))
@example(b"MThd\x00\x00\x00\x06\x00\x01\x00\x00\x01\xe0")
@settings(max_examples=150, deadline=None)
def test_noise_is_read_or_refused(data):
    check(data)


def check(data):
    """Either one MidiFileError, or sane music of bounded size that survives being written."""
    try:
        song = read_song(data)
    except MidiFileError as error:
        if "\n" in str(error):
            pytest.fail(f"more than one line: {error}")
        return
    notes = [note for track in song.score.tracks for bar in track.bars for note in bar.notes]
    assert len(notes) <= len(data)
    assert all(note.duration_ticks >= 1 and note.onset_ticks >= 0 and 0 < note.velocity < 128 for note in notes)
    assert len({len(track.bars) for track in song.score.tracks}) <= 1
    try:
        again = read_song(to_bytes(song))
    except MidiFileError:
        return  # times that lie further apart than a file can say
    assert sum(len(bar.notes) for track in again.score.tracks for bar in track.bars) == len(notes)
