"""The log reaches the next supervisor whole, whenever the last one was killed."""

from __future__ import annotations

from pathlib import Path

from companion.runtime.ipc.ends import link_pair
from companion.runtime.ipc.link import Link
from companion.runtime.ipc.protocol import LogHeader, LogLines
from companion.runtime.processes.log_sender import LogSender
from companion.runtime.recording.folder import LogWriter
from companion.runtime.recording.recorder import read_log
from companion.runtime.recording.records import TimerRan

HEADER = b'{"companion_log":2,"start":0.0,"settings":{"_":"SessionSettings","tracks":[]}}'


def ends() -> tuple[Link, Link]:
    ours, theirs = link_pair()
    return Link(ours), Link(theirs)


def write(folder: Path, messages: list[object]) -> LogWriter:
    """What a supervisor does with what it has heard."""
    header = messages[0]
    assert isinstance(header, LogHeader)
    writer = LogWriter(folder, header.line)
    for message in messages[1:]:
        assert isinstance(message, LogLines)
        writer.write(message.first, message.lines)
    return writer


def test_every_line_is_there_once_whatever_the_killed_supervisor_had_written(tmp_path: Path) -> None:
    records = tuple(TimerRan(float(number)) for number in range(30))
    sender = LogSender(HEADER)
    near, far = ends()
    sender.begin(near)
    for record in records[:10]:
        sender.add(record)
        sender.flush(near)
    write(tmp_path, far.receive()[:7])  # killed after six lines, with four more unread
    far.close()
    for record in records[10:20]:  # the music goes on, with nobody to write
        sender.add(record)
        sender.flush(near)
    assert sender.waiting

    near, far = ends()
    sender.begin(near)
    for record in records[20:]:
        sender.add(record)
    sender.flush(near)
    writer = write(tmp_path, far.receive())
    assert read_log(tmp_path / "log.jsonl").records == records
    assert writer.lost == 0
    assert not sender.waiting


def test_with_nothing_to_say_it_still_gives_a_sign_of_life() -> None:
    sender = LogSender(HEADER)
    near, far = ends()
    sender.begin(near)
    sender.flush(near)
    assert far.receive() == [LogHeader(HEADER), LogLines(0)]
