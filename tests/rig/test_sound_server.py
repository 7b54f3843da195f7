"""The sound server dies in mid-performance and comes back: it is said, nothing hangs, and the music returns."""

from __future__ import annotations

import time
from contextlib import closing

from tests.rig.harness import Observer, Rig, wait_until
from tests.rig.jam import PATIENCE_SECONDS, start_jam
from tests.rig.test_jam_over_jack import OUR_OUTPUT


def test_it_dies_and_it_returns_with_our_ports_their_connections_and_the_music(rig: Rig, observer: Observer) -> None:
    jam = start_jam(rig, source="internal", bpm=180)
    rig.connect(OUR_OUTPUT, "observer:notes")
    wait_until(lambda: len(observer.note_ons()) > 3, PATIENCE_SECONDS, "notes of ours")
    time.sleep(1.2)  # a list of ports is a second old at most: a connection made just before the end may be forgotten

    rig.server.kill()
    died = time.monotonic()
    wait_until(lambda: "the sound server" in jam.output.read_text(), 10, "the word of it")
    assert time.monotonic() - died < 2.0
    assert jam.process.poll() is None, "the session plays on"
    assert '"connected":false' in jam.log.read_text()

    time.sleep(2.0)
    rig.restart_server()
    with closing(Observer(rig)) as listener:
        back = time.monotonic()
        wait_until(listener.note_ons, 10, "our notes again")
        # ours are connected as before without anyone's help, and what sounds is heard from the next note on
        assert time.monotonic() - back < 3.0
        report = jam.end()
        wait_until(lambda: not listener.hanging(), what="note-offs")
    assert report["hanging_notes"] == report["faults"] == 0


def test_it_dies_for_good_and_the_performance_can_still_be_ended(rig: Rig, observer: Observer) -> None:
    jam = start_jam(rig, source="internal", bpm=180)
    rig.connect(OUR_OUTPUT, "observer:notes")
    wait_until(lambda: len(observer.note_ons()) > 3, PATIENCE_SECONDS, "notes of ours")
    rig.server.kill()
    wait_until(lambda: "the sound server" in jam.output.read_text(), 10, "the word of it")
    begun = time.monotonic()
    report = jam.end()
    assert time.monotonic() - begun < 5.0
    assert report["bars"] > 0
    assert (jam.folder / "performance.mid").is_file()
