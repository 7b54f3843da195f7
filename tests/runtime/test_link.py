"""Links: nothing is lost while the other end listens, nothing waits when it does not."""

from __future__ import annotations

import socket

from hypothesis import given
from hypothesis import strategies as st

from companion.runtime.engine.engine_link import ENGINE_EVENTS
from companion.runtime.ipc.ends import ENGINE, adopt, link_pair, pass_descriptor, take_descriptor
from companion.runtime.ipc.link import Link
from companion.runtime.ipc.protocol import End, LogLines, SupervisorRemark
from companion.runtime.ipc.wire import encode
from companion.session.api.events import EngineLost
from companion.session.api.lane_commands import Mute, Panic


def ends(buffer_bytes: int = 1 << 20) -> tuple[Link, Link]:
    ours, theirs = link_pair()
    return Link(ours, buffer_bytes), Link(theirs, buffer_bytes)


MESSAGES = st.builds(LogLines, st.integers(0, 1 << 40), st.binary(max_size=5000)) | st.builds(
    SupervisorRemark, st.text()
)


@given(st.lists(MESSAGES, max_size=30))
def test_values_arrive_whole_and_in_order(values: list[object]) -> None:
    near, far = ends()
    try:
        for value in values:
            assert near.send(value)
        assert far.receive() == values
    finally:
        near.close()
        far.close()


def test_a_reader_that_sleeps_costs_only_what_does_not_fit() -> None:
    near, far = ends(buffer_bytes=1 << 20)
    accepted = sum(near.send(LogLines(number, b"x" * 10_000)) for number in range(2000))
    assert near.dropped == 2000 - accepted > 0
    assert near.pending_bytes <= 1 << 20
    heard = []
    while len(heard) < accepted:
        heard += far.receive()
        near.flush()
    assert [lines.first for lines in heard] == list(range(accepted))


def test_the_newest_offer_wins_while_the_reader_sleeps() -> None:
    near, far = ends()
    for number in range(500):
        near.offer(LogLines(number, b"x" * 50_000))
    heard = []
    for _ in range(500):
        heard += far.receive()
        near.flush()
    assert heard[-1].first == 499
    assert len(heard) < 100


def test_the_other_end_dies() -> None:
    near, far = ends()
    far.close()
    assert near.send(End()) is False
    assert near.receive() == []
    assert near.closed
    near.offer(End())
    assert near.fileno() == -1


def test_a_frame_cut_off_by_death_is_dropped() -> None:
    ours, theirs = socket.socketpair()
    link = Link(theirs)
    ours.sendall(b"\x00\x00\x10\x00 half a frame")
    ours.close()
    assert link.receive() == link.receive() == []
    assert link.closed


def test_a_length_beyond_all_reason_ends_the_link() -> None:
    ours, theirs = socket.socketpair()
    link = Link(theirs)
    ours.sendall(b"\xff" * 40)
    assert link.receive() == []
    assert link.closed
    ours.close()


def test_a_message_that_fits_no_schema_is_refused_and_counted_and_the_next_one_heard() -> None:
    ours, theirs = socket.socketpair()
    link = Link(theirs)
    good = encode(SupervisorRemark("hello"))
    for frame in (b"abc", b"SupervisorRemark\0\x81\xa4text\x07", b"Popen\0\x80", good):
        ours.sendall(len(frame).to_bytes(4, "big") + frame)
    assert link.receive() == [SupervisorRemark("hello")]
    assert link.refused == 3
    assert "Popen" in link.fault
    assert not link.closed
    ours.close()
    link.close()


def test_an_engine_can_send_nothing_but_its_own_events() -> None:
    ours, theirs = link_pair()
    realtime, engine = Link(ours, accepts=ENGINE_EVENTS), Link(theirs)
    for message in (End(), Panic(), LogLines(0, b"x"), EngineLost("of memory"), Mute(0, True)):
        engine.send(message)
    assert realtime.receive() == [EngineLost("of memory")]
    assert realtime.refused == 4
    for each in (realtime, engine):
        each.close()


def test_an_end_can_be_passed_to_another_holder() -> None:
    control, other = socket.socketpair()
    near, far = link_pair()
    assert take_descriptor(other) is None
    pass_descriptor(control, far)
    far.close()
    taken = take_descriptor(other)
    assert taken is not None
    who, end = taken
    assert who == ENGINE
    here, there = Link(near), Link(adopt(end.detach()))
    here.send(SupervisorRemark("hello"))
    assert there.receive() == [SupervisorRemark("hello")]
    for each in (here, there, control, other):
        each.close()
