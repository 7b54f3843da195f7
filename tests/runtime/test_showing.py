"""What the front is shown of a session, over a real link."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from companion.runtime.ipc.ends import link_pair
from companion.runtime.ipc.link import Link
from companion.runtime.ipc.protocol import PresentSettings
from companion.runtime.processes.showing import Showing
from companion.runtime.recording.records import Record
from companion.session import Session
from companion.session.api.calls import SetIntensity
from companion.session.api.settings import SessionSettings, SetEntry
from companion.session.api.snapshot import Snapshot
from companion.session.api.snapshot_commands import StoreSnapshot
from tests.session.session_stage import trio


class Ports:
    """Only the recorded player looks at what is shown."""

    def show(self, snapshot: Snapshot, now: float) -> None:
        pass


@pytest.fixture
def stage() -> tuple[Session, Showing, Link, list[Record]]:
    settings = replace(trio(), set_list=(SetEntry("One", trio()),), remarks=("a remark",))
    session, (here, there), log = Session(settings, 10.0, 7), link_pair(), []
    ports: Any = Ports()
    return session, Showing(session, Link(here), ports, log.append, 10.0), Link(there), log


def told(link: Link) -> list[SessionSettings]:
    return [value.settings for value in link.receive() if isinstance(value, PresentSettings)]


def test_settings_are_told_at_first_and_when_they_have_changed_without_what_is_large(stage) -> None:
    session, showing, front, _ = stage
    assert [showing.show(10.0, True), showing.show(10.001, True), showing.show(10.002, True)] == [True, True, False]
    plain = replace(session.settings(), set_list=(), remarks=())
    assert told(front) == [plain]
    showing.show(10.2, True)
    showing.show(10.201, True)
    assert told(front) == [], "nothing has changed"
    session.receive(SetIntensity(80), 10.3)
    session.receive(StoreSnapshot("verse"), 10.3)
    showing.show(10.4, True)
    showing.show(10.401, True)
    assert told(front) == [replace(plain, leading=replace(plain.leading, intensity=80))]


def test_nothing_is_shown_while_something_is_due_unless_the_screen_has_waited_long(stage) -> None:
    _, showing, front, log = stage
    assert not showing.show(10.0, False)
    assert not showing.show(10.3, False)
    assert showing.show(10.34, False), "ten snapshots late"
    assert [type(value) for value in front.receive()] == [Snapshot]
    assert len(log) == 1


def test_the_last_state_is_shown_at_the_end(stage) -> None:
    session, showing, front, _ = stage
    session.receive(SetIntensity(80), 10.0)
    showing.finish(10.0)
    shown = front.receive()
    assert [type(value) for value in shown] == [PresentSettings, Snapshot]
    assert shown[0].settings.leading.intensity == shown[1].intensity == 80
