"""Makes the parts of this room from the parts of a session, and lets the session's extensions know them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from companion.session.api.settings import SessionSettings
from companion.session.chords.chords import Chords
from companion.session.commands.switchboard import Switchboard
from companion.session.extension import Context
from companion.session.extensions import Extensions
from companion.session.input.surface import ControlSurface
from companion.session.input.thru import Thru
from companion.session.input.zones import Zones
from companion.session.lanes import Lanes
from companion.session.output.click import Metronome
from companion.session.output.outbox import Outbox
from companion.session.output.playback import Playback
from companion.session.output.song_controls import SongControls
from companion.session.performance import Performance
from companion.session.practice.practising import Practising
from companion.session.requests.engine import Engine
from companion.session.requests.requests import Requests
from companion.session.requests.side_requests import SideRequests
from companion.session.rewriting.rewriting import Rewriting
from companion.session.snapshots.reading import SettingsReader
from companion.session.snapshots.recall import Recall
from companion.session.snapshots.set_list import SetList
from companion.session.snapshots.song_change import SongChange
from companion.session.snapshots.stored import Snapshots
from companion.session.timing.musical_time import MusicalTime
from companion.session.transport.transport import Transport
from companion.session.transport.written_tempos import WrittenTempos


class SessionParts(Protocol):
    """The parts of a session that this room needs."""

    lanes: Lanes
    time: MusicalTime
    performance: Performance
    transport: Transport
    tempos: WrittenTempos
    playback: Playback
    song_controls: SongControls
    requests: Requests
    side: SideRequests
    engine: Engine
    chords: Chords
    rewriting: Rewriting
    metronome: Metronome
    thru: Thru
    zones: Zones
    surface: ControlSurface
    extensions: Extensions
    outbox: Outbox


def make_snapshots(
    settings: SessionSettings,
    parts: SessionParts,
    context: Callable[[], Context],
    switchboard: Callable[[], Switchboard],
) -> tuple[SettingsReader, SetList]:
    """Return the reader of all settings, and the set list.

    context: what extensions see. switchboard: carries commands out; it is made after this room.
    """

    def practise(practising: Practising | None, now: float) -> None:
        """Another song is practised from now on, or none."""
        before = parts.extensions.practise(practising)
        if before is not None:
            before.stopped(now)
        if practising is not None:
            practising.attached(context(), now)
        switchboard().join()

    reader = SettingsReader(
        settings,
        parts.lanes,
        parts.time,
        parts.performance,
        parts.engine,
        parts.chords,
        parts.rewriting,
        parts.metronome,
        parts.thru,
        parts.zones,
        parts.surface,
        parts.extensions,
    )
    song_change = SongChange(
        parts.time,
        parts.performance,
        parts.transport,
        parts.tempos,
        parts.chords,
        parts.song_controls,
        practise,
    )
    recall = Recall(
        reader,
        song_change,
        parts.lanes,
        parts.time,
        parts.performance,
        parts.playback,
        parts.requests,
        parts.side.seconds_for,
        parts.chords.zone,
        parts.zones,
        parts.outbox,
        lambda wish, now: switchboard().commands.do(wish, now),
    )
    set_list = SetList(settings.set_list, settings.first_entry, settings.remarks, recall, parts.outbox)
    snapshots = Snapshots(settings.snapshots, recall, parts.surface, parts.outbox)
    parts.extensions.put_first(recall, snapshots, set_list)
    return reader, set_list
