"""kill -9 in the middle of a bar: of the engine and of the front; `test_last_notes` and `test_sound_server` have the others."""

from __future__ import annotations

from tests.rig.harness import Observer, Rig, wait_until
from tests.rig.jam import PATIENCE_SECONDS, Jam, start_jam, wait_gone
from tests.rig.test_jam_over_jack import OUR_INPUT, OUR_OUTPUT, play_along


def playing_jam(rig: Rig, observer: Observer) -> Jam:
    """A jam that is in the middle of its notes."""
    rig.start("jack_midi_clock", "-b", "180")
    wait_until(lambda: "jack_midi_clock:mclk_out" in rig.ports(), what="the clock")
    jam = start_jam(rig, "--in", "observer")
    wait_until(lambda: {OUR_INPUT, OUR_OUTPUT} <= set(rig.ports()), PATIENCE_SECONDS, "our ports")
    rig.connect("jack_midi_clock:mclk_out", OUR_INPUT)
    rig.connect("jack_midi_clock:mclk_out", "observer:clock")
    rig.connect(OUR_OUTPUT, "observer:notes")
    rig.run("jack_transport", text="locate 0\nplay\n")
    play_along(observer, 6)
    wait_until(observer.hanging, PATIENCE_SECONDS, "a note that sounds")
    return jam


def test_the_engine_is_killed(rig: Rig, observer: Observer) -> None:
    jam = playing_jam(rig, observer)
    jam.others()["engine_process"].kill()
    wait_until(lambda: jam.log.read_text().count("is ready") >= 2, PATIENCE_SECONDS, "another engine")
    assert '"_":"EngineLost"' in jam.log.read_text()
    play_along(observer, len(observer.note_ons()) + 5)
    report = jam.end()
    wait_until(lambda: not observer.hanging(), what="note-offs")
    assert report["hanging_notes"] == 0


def test_the_front_is_killed(rig: Rig, observer: Observer) -> None:
    jam = playing_jam(rig, observer)
    others = list(jam.others().values())
    jam.process.kill()
    wait_until(lambda: not observer.hanging(), what="note-offs")
    wait_gone(others)
    assert (jam.folder / "performance.mid").is_file()
