"""What is written to the black box, or through a link, comes back equal."""

from __future__ import annotations

import json
import pickle
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
from companion.runtime.ipc.pickling import dumps
from companion.runtime.recording.log_records import from_json, to_json
from companion.runtime.recording.recorder import LogWriter, line_of, new_folder, read_log
from companion.session.api.effects import Job
from companion.session.api.events import EngineReady, GenerationFinished, MidiReceived, NoteGenerated, command
from companion.session.api.settings import Sampling, SessionSettings, Song, TrackSettings
from companion.session.api.snapshot import BarView

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
    st.builds(BarView, st.integers(), st.just("played"), st.just("fresh"), st.lists(NOTES).map(tuple)),
    st.builds(
        SessionSettings,
        st.just((TrackSettings("you", "human", channel=3, attributes={"a": 1}),)),
        song=st.builds(Song, SCORES),
    ),
    st.just(command("set_sampling", temperature=0.5)),
    st.just(command("add_track", settings=TrackSettings("lead", "companion"))),
)


@given(VALUES)
def test_values_survive_json_and_pickling(value: object) -> None:
    if not isinstance(value, BarView):
        assert from_json(json.loads(json.dumps(to_json(value)))) == value
    assert pickle.loads(dumps(value)) == value


@given(SCORES)
def test_jobs_survive_pickling(window: Score) -> None:
    job = Job(1, window, 4, (0, 2), ((0, 3),), ((1, 3),), "auto", Sampling(), 7, attributes=({"x": 2}, {}))
    assert pickle.loads(dumps(job)) == job


def test_the_chords_of_a_job_survive_json_and_pickling() -> None:
    chords = (ChordSpan(0.0, 1.5, parse_chord("F#m7b5/E"), "expected", 0.6), ChordSpan(1.5, 2.5, None))
    guide, _ = guide_bar(chords)
    job = Job(1, Score(()), 4, (0,), (), (), "auto", Sampling(), 7, chords=chords, guide=guide)
    assert from_json(json.loads(json.dumps(to_json(job)))) == job
    assert pickle.loads(dumps(job)) == job


def test_a_record_of_no_known_class_is_refused() -> None:
    for document in ({"_": "Popen", "args": ["rm"]}, {"_": "EngineReady", "no_such_field": 1}):
        with pytest.raises(ValueError, match=r"unknown record|EngineReady"):
            from_json(document)
    with pytest.raises(TypeError):
        to_json(object())
    assert EngineReady is not None


def test_a_log_that_was_cut_off_is_read_up_to_there(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path, {"companion_log": 1, "start": 0.5, "settings": to_json(SessionSettings(()))})
    records = (("m", 1.0, "in", NoteOn(0, 60, 64)), ("t", 1.25), ("r", 1.5, command("start")))
    writer.write(records)
    writer.close()
    assert read_log(writer.path).records == records
    with writer.path.open("a") as file:
        file.write(line_of(("t", 2.0))[:-3])
    log = read_log(writer.path)
    assert log.truncated
    assert log.records == records


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
    writer = LogWriter(tmp_path / "missing", {"companion_log": 1})
    writer.write((("t", 1.0),))
    writer.close()
    assert "recording has stopped" in writer.error


def test_folders_of_the_same_second_differ(tmp_path: Path) -> None:
    folders = {new_folder(tmp_path, "A title/with:signs") for _ in range(5)}
    assert len(folders) == 5
    with pytest.raises(CompanionError, match="no recording"):
        new_folder(Path("/proc/nowhere"), "x")
