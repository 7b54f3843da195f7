"""Takes cut out of a log."""

from __future__ import annotations

from companion.midi.messages import NoteOff, NoteOn
from companion.runtime.recording.documents import to_json
from companion.runtime.recording.music.takes import takes_of
from companion.runtime.recording.recorder import Log
from companion.runtime.recording.records import EventReceived, MidiArrived
from companion.session.api.events import command
from companion.session.api.settings import SessionSettings, TrackSettings


def notes(*keys):
    return [MidiArrived(10.0 + key, "keys", message(0, key)) for key in keys for message in (note_on, NoteOff)]


def note_on(channel, key):
    return NoteOn(channel, key, 80)


def log(*records):
    settings = SessionSettings(tracks=(TrackSettings("you", "human"),))
    return Log({"settings": to_json(settings), "start": 10.0}, tuple(records))


def wish(on=None):
    return EventReceived(10.0, command("record") if on is None else command("record", on=on))


def test_a_take_is_what_lies_between_on_and_off():
    takes = takes_of(log(*notes(1), wish(True), *notes(2, 3), wish(False), *notes(4), wish(), *notes(5)))
    keys = [
        [heard.message.key for heard in take.of_kind(MidiArrived) if isinstance(heard.message, NoteOn)]
        for take in takes
    ]
    assert keys == [[2, 3], [5]]


def test_without_music_there_is_no_take():
    assert takes_of(log(wish(True), wish(True), wish(False), *notes(1))) == []
