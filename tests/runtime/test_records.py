"""What is written to the black box, or through a link, comes back equal."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.errors import CompanionError
from companion.harmony.guide import guide_bar
from companion.harmony.spans import ChordSpan
from companion.harmony.symbols import parse_chord
from companion.midi.messages import Malformed, NoteOn
from companion.music import Bar, Note, Score, TimeSignature, Track
from companion.runtime.ipc.wire import decode, encode
from companion.runtime.recording.documents import from_json, to_json
from companion.runtime.recording.folder import LogWriter, new_folder
from companion.runtime.recording.log_lines import line_of
from companion.runtime.recording.recorder import read_log
from companion.runtime.recording.records import (
    EventReceived,
    MessageSent,
    MidiArrived,
    PerformanceEnded,
    Record,
    TimerRan,
)
from companion.runtime.recording.replay import replay
from companion.session.api import commands, lane_commands, model_commands
from companion.session.api.effects import Job, Prefill
from companion.session.api.events import EngineReady, GenerationFinished, MidiReceived, NoteGenerated, command
from companion.session.api.settings import Sampling, SessionSettings, Song, TrackSettings

NOTES = st.builds(
    Note,
    st.integers(0, 10_000),
    st.integers(1, 10_000),
    st.integers(0, 127),
    st.integers(1, 127),
    st.integers(-240, 240),
)
BARS = st.builds(Bar, st.lists(NOTES, max_size=5).map(tuple), st.builds(TimeSignature, st.integers(1, 15), st.just(8)))
SCORES = st.builds(Score, st.lists(st.builds(Track, st.lists(BARS, max_size=3).map(tuple)), max_size=3).map(tuple))
VALUES = st.one_of(
    st.builds(NoteGenerated, st.integers(), st.integers(0, 5), st.integers(), NOTES),
    st.builds(GenerationFinished, st.integers(), st.floats(0, 10)),
    st.builds(MidiReceived, st.text(), st.just(Malformed("garbage", 3))),
    st.builds(
        SessionSettings,
        st.just((TrackSettings("you", "human", channel=3, attributes={"a": 1}),)),
        song=st.builds(Song, SCORES),
    ),
    st.just(command("set_sampling", temperature=0.5)),
    st.just(command("add_track", settings=TrackSettings("lead", "companion"))),
)


@given(VALUES)
def test_values_survive_json(value: object) -> None:
    assert from_json(json.loads(json.dumps(to_json(value)))) == value


def test_the_chords_of_a_job_survive_json_and_the_wire() -> None:
    chords = (ChordSpan(0.0, 1.5, parse_chord("F#m7b5/E"), "expected", 0.6), ChordSpan(1.5, 2.5, None))
    guide, _ = guide_bar(chords)
    job = Job(1, Score(()), 4, (0,), (), (), "auto", Sampling(), 7, chords=chords, guide=guide)
    assert from_json(json.loads(json.dumps(to_json(job)))) == job
    assert decode(encode(Prefill(job))) == Prefill(job)


def test_a_record_of_no_known_class_is_refused() -> None:
    for document in ({"_": "Popen", "args": ["rm"]}, {"_": "EngineReady", "no_such_field": 1}):
        with pytest.raises(ValueError, match=r"unknown record|EngineReady"):
            from_json(document)
    with pytest.raises(TypeError):
        to_json(object())
    assert EngineReady is not None


HEADER = json.dumps({"companion_log": 2, "start": 0.5, "settings": to_json(SessionSettings(()))}).encode()
RECORDS = (
    MidiArrived(1.0, "in", NoteOn(0, 60, 64)),
    TimerRan(1.25),
    EventReceived(1.5, command("start")),
    MessageSent(None, "", NoteOn(1, 40, 80), 1.75, 1, 2.5),
    PerformanceEnded(2.0, {"bars": 3, "counters": {"notes_in": 1}}),
)


def lines_of(*records: Record) -> bytes:
    return b"".join(line_of(record) + b"\n" for record in records)


def test_a_log_that_was_cut_off_is_read_up_to_there(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path, HEADER)
    writer.write(0, lines_of(*RECORDS))
    writer.close()
    assert read_log(writer.path).records == RECORDS
    with writer.path.open("ab") as file:
        file.write(line_of(TimerRan(2.0))[:-3])
    log = read_log(writer.path)
    assert log.truncated
    assert log.records == RECORDS


def test_a_writer_that_takes_over_adds_what_is_missing_and_nothing_twice(tmp_path: Path) -> None:
    first = LogWriter(tmp_path, HEADER)
    first.write(0, lines_of(*RECORDS[:2]))
    with first.path.open("ab") as file:
        file.write(lines_of(RECORDS[2])[:-4])  # killed in the middle of a line
    second = LogWriter(tmp_path, b"another header")
    assert second.written == 2
    second.write(1, lines_of(*RECORDS[1:4]))
    second.write(4, lines_of(RECORDS[4]))
    assert read_log(first.path).records == RECORDS
    assert second.lost == 0
    second.write(9, lines_of(RECORDS[0]))
    assert second.lost == 4


def test_a_log_of_the_first_version_still_replays_note_for_note() -> None:
    log = read_log(Path(__file__).parents[1] / "data" / "log_version_1.jsonl")
    assert log.header["companion_log"] == 1
    told = [record.event for record in log.of_kind(EventReceived)]
    assert lane_commands.Mute(1, True) in told
    assert model_commands.SetSampling(temperature=0.9) in told
    assert any(isinstance(event, commands.Refused) for event in told), "an unknown command is still no fault"
    replayed = replay(log)
    assert replayed.same, replayed.first_difference
    assert sum(isinstance(sent.message, NoteOn) for sent in replayed.sent) >= 5


@pytest.mark.parametrize("text", ["", "{}", "[1]\n", '{"companion_log": 99}\n', "\x00\x01"])
def test_what_is_no_log_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(text)
    with pytest.raises(CompanionError, match="not the log") as caught:
        read_log(path)
    assert "\n" not in str(caught.value)


def test_a_broken_line_in_the_middle_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"companion_log": 1}\n["t",1]\n["m",1,"in","9f"]\n["t",2]\n')
    with pytest.raises(CompanionError, match="line 3"):
        read_log(path)


def test_a_disk_that_fails_ends_the_log_and_nothing_else(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path / "missing", HEADER)
    writer.write(0, lines_of(TimerRan(1.0)))
    writer.close()
    assert "recording has stopped" in writer.error


def test_folders_of_the_same_second_differ(tmp_path: Path) -> None:
    folders = {new_folder(tmp_path, "A title/with:signs") for _ in range(5)}
    assert len(folders) == 5
    with pytest.raises(CompanionError, match="no recording"):
        new_folder(Path("/proc/nowhere"), "x")


def test_only_the_player_may_read_a_recording(tmp_path: Path) -> None:
    before = os.umask(0)  # the most generous one
    try:
        folder = new_folder(tmp_path / "performances", "private")
        LogWriter(folder, HEADER).close()
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "log.jsonl").stat().st_mode) == 0o600
