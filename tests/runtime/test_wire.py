"""Messages between processes: every kind comes back equal, and bytes can do nothing but be refused."""

from __future__ import annotations

import pickle
import re
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.music import Bar, Note, Score, TimeSignature, Track
from companion.runtime.ipc.wire import WireError, all_messages, decode, encode
from companion.session.api.commands import COMMANDS, Command
from companion.session.api.effects import Generate, Job
from companion.session.api.events import BarGenerated, GenerationFinished, NoteGenerated
from companion.session.api.lane_commands import AddTrack, Mute
from companion.session.api.model_commands import SetModel
from companion.session.api.settings import ModelSettings, Sampling, TrackSettings
from companion.session.api.snapshot import BarPlace, BarView, GenerationView, LaneView, Snapshot, TransportView
from companion.session.api.transport_commands import SetTempo

MESSAGES = all_messages()
NOTES = st.builds(
    Note, st.integers(0, 10_000), st.integers(1, 10_000), st.integers(0, 127), st.integers(1, 127), st.integers(-9, 9)
)
BARS = st.builds(Bar, st.lists(NOTES, max_size=5).map(tuple), st.builds(TimeSignature, st.integers(1, 15), st.just(8)))
SCORES = st.builds(Score, st.lists(st.builds(Track, st.lists(BARS, max_size=3).map(tuple)), max_size=3).map(tuple))
VIEWS = st.builds(BarView, st.integers(-1000, 1 << 40), st.just("played"), st.just("fresh"), st.lists(NOTES).map(tuple))


def snapshot(bars: tuple[BarView, ...]) -> Snapshot:
    lane = LaneView(0, "bass", "companion", 33, False, 1, False, False, bars, {"density": 3}, (40, 52))
    transport = TransportView("internal", "running", 120, 3, 1.5, 13.5, TimeSignature())
    places = (BarPlace(3, 3, TimeSignature(3, 4)),)
    return Snapshot(
        1.5, transport, (lane, lane), GenerationView("idle", bars_by_step={"fresh": 2}), ModelSettings(), places
    )


def job(window: Score) -> Job:
    return Job(1, window, 4, (0, 2), ((0, 3),), ((1, 3),), "auto", Sampling(), 7, attributes=({"x": 2}, {}))


@given(st.lists(VIEWS, max_size=5).map(tuple))
def test_screens_arrive_equal_also_the_second_time(bars: tuple[BarView, ...]) -> None:
    picture = snapshot(bars)
    assert decode(encode(picture)) == decode(encode(picture)) == picture


@given(SCORES)
def test_jobs_arrive_equal(window: Score) -> None:
    assert decode(encode(Generate(job(window), 2.5))) == Generate(job(window), 2.5)


@given(
    st.builds(NoteGenerated, st.integers(-9, 9), st.integers(0, 5), st.integers(0, 99), NOTES)
    | st.builds(GenerationFinished, st.integers(0, 9), st.floats(0, 10))
    | st.sampled_from([Mute(1, True), SetTempo(90), AddTrack(TrackSettings("x", "companion")), SetModel(takes=2)])
)
def test_events_and_commands_arrive_equal(value: object) -> None:
    assert decode(encode(value)) == value


def test_numbers_of_numpy_arrive_as_pythons_own() -> None:
    arrived = decode(encode(BarGenerated(np.int64(3), np.int32(1), 2)))  # type: ignore[arg-type]
    assert arrived == BarGenerated(3, 1, 2)
    assert type(arrived.request_id) is int


def test_every_command_can_travel() -> None:
    assert set(COMMANDS.values()) <= set(MESSAGES)
    assert len({kind.__name__ for kind in MESSAGES}) == len(MESSAGES), "a name stands for one class"
    with pytest.raises(TypeError, match="no message"):
        encode(Command())


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\0",
        pickle.dumps(print),
        b"Popen\0\x80",
        b"NoteGenerated\0\x80",
        b"Mute\0\x82\xa5track\x01\xa2on\xa3yes",
        encode(BarGenerated(1, 2, 3))[:-1],
        b"SetTempo\0\x81\xa3bpm\xcb\x7f\xf0\0\0\0\0\0\0",  # infinitely fast: refused by the command itself
    ],
)
def test_what_is_no_message_is_refused(frame: bytes) -> None:
    with pytest.raises(WireError):
        decode(frame)


@given(st.binary(max_size=300), st.sampled_from(MESSAGES))
def test_noise_is_refused_or_a_plain_value(noise: bytes, kind: type) -> None:
    with suppress(WireError):
        assert type(decode(kind.__name__.encode() + b"\0" + noise)) is kind


def test_nothing_in_the_runtime_unpickles() -> None:
    root = Path(__file__).parents[2] / "companion"
    wrong = re.compile(r"^\s*(import|from) (pickle|marshal|shelve|dill|cloudpickle)\b", re.MULTILINE)
    rooms = ("runtime", "session", "midi", "tui", "music", "harmony")
    assert [str(path) for room in rooms for path in (root / room).rglob("*.py") if wrong.search(path.read_text())] == []


def test_a_crowded_screen_is_read_faster_than_it_can_be_unpickled() -> None:
    bars = tuple(
        BarView(bar, "played", "fresh", tuple(Note(60 * step, 50, 40 + step, 80, 0) for step in range(10)))
        for bar in range(60)
    )
    picture = snapshot(bars)
    ours, theirs = encode(picture), pickle.dumps(picture)

    def best(read: object, frame: bytes) -> float:
        times = []
        for _ in range(7):
            begun = time.perf_counter()
            read(frame)  # type: ignore[operator]
            times.append(time.perf_counter() - begun)
        return min(times)

    assert best(decode, ours) < best(pickle.loads, theirs)
