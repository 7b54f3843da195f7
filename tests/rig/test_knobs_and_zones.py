"""A knob and a split keyboard over real ports: a fast knob moves a volume, and a held key of a zone ends when the zone goes."""

from __future__ import annotations

from companion.midi.messages import ControlChange
from companion.runtime.recording.recorder import read_log
from companion.runtime.recording.records import MidiArrived
from tests.rig.harness import Observer, Rig, wait_until
from tests.rig.jam import PATIENCE_SECONDS, start_jam
from tests.rig.test_jam_over_jack import OUR_INPUT, OUR_OUTPUT, check_recording

TABLES = """
[session]
thru = true
learned = {"note:36@10" = "remove_zone:left"}

[[tracks]]
name = "left hand"
role = "human"
program = "Fingered Bass"
channel = 5

[[zones]]
name = "left"
keys = "C-1-B2"
channel = 1
part = "left hand"
transpose = -12

[[zones]]
name = "pads"
channel = 10
controls = true

[[knobs]]
control = "cc:74@1"
dial = "volume"
part = "bass"
pickup = false
"""
VOLUME, BASS_CHANNEL, LEFT_CHANNEL = 7, 1, 4


def volumes(observer: Observer) -> list[int]:
    status = 0xB0 | BASS_CHANNEL
    return [heard.data[2] for heard in list(observer.heard["notes"]) if heard.data[:2] == bytes((status, VOLUME))]


def test_a_fast_knob_and_a_split_keyboard(rig: Rig, observer: Observer) -> None:
    jam = start_jam(rig, source="internal", bpm=120, more=TABLES)
    wait_until(lambda: {OUR_INPUT, OUR_OUTPUT} <= set(rig.ports()), PATIENCE_SECONDS, "our ports")
    rig.connect("observer:play", OUR_INPUT)
    rig.connect(OUR_OUTPUT, "observer:notes")
    wait_until(lambda: observer.note_ons(), PATIENCE_SECONDS, "the band")

    for value in (*range(0, 128, 2), *range(126, 10, -2), 33):
        observer.play(bytes((0xB0, 74, value)))
    wait_until(lambda: volumes(observer)[-1:] == [33], 10.0, "the knob's last value")
    assert len(volumes(observer)) < 100

    observer.play(bytes((0x90, 40, 90)))
    wait_until(lambda: bytes((0x90 | LEFT_CHANNEL, 28, 90)) in [heard.data for heard in observer.note_ons()], 10.0)
    observer.play(bytes((0x99, 36, 100)), bytes((0x89, 36, 0)))
    observer.play(bytes((0x90, 41, 91)))
    wait_until(lambda: bytes((0x90, 41, 91)) in [heard.data for heard in observer.note_ons()], 10.0, "no zone any more")
    observer.play(bytes((0x80, 40, 0)), bytes((0x80, 41, 0)))
    offs = {bytes((0x80 | LEFT_CHANNEL, 28)), bytes((0x80, 41))}
    wait_until(lambda: offs <= {heard.data[:2] for heard in list(observer.heard["notes"])}, 10.0, "both note-offs")
    report = jam.end()
    assert report["hanging_notes"] == 0
    check_recording(jam)
    arrived = [record.message for record in read_log(jam.log).records if isinstance(record, MidiArrived)]
    knob = [message.value for message in arrived if isinstance(message, ControlChange)]
    assert knob[-1] == 33
    assert len(knob) < 100, "a fast knob does not flood the log"
