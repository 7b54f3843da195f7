"""The ports of a performance when the sound server dies and returns, with drivers played by memory ports."""

from __future__ import annotations

from dataclasses import replace

from companion.midi.port_lists import Ports
from tests.runtime.test_port_board import KEYS_WIRE, SYNTH_WIRE, jack, make, told

GONE = Ports(error="the sound server has gone", gone=("jack",))
NOBODY = Ports(error="no MIDI driver can be reached here")
OTHERS_WIRE = ("companion out:out", "Recorder:in")  # made by somebody else


def test_at_its_death_nothing_is_sent_there_any_more_and_the_session_hears_of_it() -> None:
    board, shelf, changes, complaints = make(["keys"], ["synth"])
    board.update(jack(["Keys:out"], ["Synth:in"], KEYS_WIRE, SYNTH_WIRE))
    changes.clear()
    board.update(GONE)
    assert told(changes) == [("Keys:out", "in", False), ("", "out", False)]
    assert shelf.abandoned == ["companion in:in", "companion out:out"]
    assert shelf.released == [], "a dead port is not even closed"
    assert not board.send("synth", b"\x90\x3c\x40")
    assert shelf.sent == []
    assert complaints == ["the sound server has gone"], "said once, not for each port"


def test_back_again_our_ports_have_their_names_and_every_connection_they_had() -> None:
    board, shelf, changes, _ = make(["keys"], ["synth"])
    board.update(jack(["Keys:out"], ["Synth:in", "Recorder:in"], KEYS_WIRE, SYNTH_WIRE, OTHERS_WIRE))
    board.update(GONE)
    board.update(NOBODY)
    changes.clear()
    shelf.wired.clear()
    shelf.opened.clear()
    board.update(jack(["Keys:out"], ["Synth:in", "Recorder:in"]))
    assert set(shelf.opened) == {"companion in:in", "companion out:out"}
    assert {*shelf.wired} == {(*KEYS_WIRE, True), (*SYNTH_WIRE, True), (*OTHERS_WIRE, True)}
    shelf.wired.clear()
    board.update(jack(["Keys:out"], ["Synth:in", "Recorder:in"], KEYS_WIRE, SYNTH_WIRE, OTHERS_WIRE))
    assert told(changes) == [("Keys:out", "in", True), ("", "out", True)]
    assert shelf.wired == [], "what is connected again is not wished for any more"
    assert board.send("synth", b"\x90\x3c\x40")


def test_a_port_that_was_only_offered_is_offered_again() -> None:
    board, shelf, changes, _ = make([""], [""])
    board.update(jack([], [], OTHERS_WIRE))
    board.update(GONE)
    changes.clear()
    board.update(jack(["Keys:out"], ["Recorder:in"]))
    assert ("companion out:out", "out", True) in [
        (change.label, change.direction, change.connected) for change in changes
    ]
    assert (*OTHERS_WIRE, True) in shelf.wired
    assert board.send("", b"\x90\x3c\x40")


def test_one_list_without_the_driver_is_no_death_and_two_are() -> None:
    board, shelf, _, _ = make(["keys"], ["synth"])
    connected = jack(["Keys:out"], ["Synth:in"], KEYS_WIRE, SYNTH_WIRE)
    for _ in range(3):
        board.update(connected)
        board.update(NOBODY)
    assert shelf.abandoned == []
    board.update(NOBODY)
    assert shelf.abandoned == ["companion in:in", "companion out:out"]


def test_a_probe_without_an_answer_is_no_death() -> None:
    board, shelf, _, _ = make(["keys"], ["synth"])
    board.update(jack(["Keys:out"], ["Synth:in"], KEYS_WIRE, SYNTH_WIRE))
    for _ in range(5):
        board.update(replace(NOBODY, answered=False))
    assert shelf.abandoned == []
    assert board.send("synth", b"\x90\x3c\x40")
