"""The whole way through real ports: an independent clock in, our notes out, written down by an observer that is not ours."""

from __future__ import annotations

import bisect
import re
import statistics
from pathlib import Path

from companion.runtime.recording.recorder import read_log
from companion.runtime.recording.replay import replay
from tests.rig.harness import PERIOD, SAMPLE_RATE, Observer, Rig, wait_until
from tests.rig.jam import PATIENCE_SECONDS, Jam, start_jam

OUR_INPUT, OUR_OUTPUT = "companion in:in", "companion out:out"
MELODY = (60, 64, 67, 72)


def start_klick(rig: Rig, tempo_map: str) -> None:
    """klick as transport master, its time as MIDI clock."""
    path = rig.folder / "tempo.map"
    path.write_text(tempo_map)
    rig.start("klick", "-T", "-f", str(path))
    rig.start("jack_midi_clock", "-d", "0.5")
    wait_until(lambda: "jack_midi_clock:mclk_out" in rig.ports(), what="jack_midi_clock")


def connect_all(rig: Rig) -> None:
    """Player and master to us, master and us to the observer."""
    rig.connect("observer:play", OUR_INPUT)
    rig.connect("jack_midi_clock:mclk_out", "observer:clock")
    rig.connect(OUR_OUTPUT, "observer:notes")


def play_along(observer: Observer, notes_wanted: int) -> None:
    """Play a tune on every other tick-counted beat until the companion has played so much."""
    played = 0

    def enough() -> bool:
        nonlocal played
        beats = sum(item.data[0] == 0xF8 for item in list(observer.heard["clock"])) // 24
        if beats > played:
            key = MELODY[played % 4]
            before = MELODY[(played - 1) % 4]
            observer.play(bytes((0x80, before, 0)), bytes((0x90, key, 90)))
            played = beats
        return len(observer.note_ons()) >= notes_wanted

    wait_until(enough, PATIENCE_SECONDS, f"{notes_wanted} notes")


def errors_against_ticks(observer: Observer) -> list[float]:
    """Milliseconds from each of our onsets to the nearest tick of the master; the grid's steps are two ticks."""
    ticks = [item.frame for item in observer.heard["clock"] if item.data[0] == 0xF8]
    errors = []
    for note in observer.note_ons():
        place = bisect.bisect(ticks, note.frame)
        near = ticks[max(place - 1, 0) : place + 1]
        errors.append(min(abs(note.frame - tick) for tick in near) * 1000 / SAMPLE_RATE)
    return errors


def check_recording(jam: Jam) -> None:
    """The log replays to the same notes, and the MIDI file is there."""
    replayed = replay(read_log(jam.log))
    assert replayed.same, replayed.first_difference
    assert len(replayed.sent) > 0
    assert (jam.folder / "performance.mid").is_file()


def test_plays_on_the_ticks_of_an_independent_master_through_tempo_changes(rig: Rig, observer: Observer) -> None:
    start_klick(rig, "3 4/4 120\n2 4/4 126\n100 4/4 114\n")
    jam = start_jam(rig, "--in", "midi_clock", checkpoint="yellow")
    # the input is the clock's; the player is connected to it as well, as through a merger
    wait_until(lambda: {OUR_INPUT, OUR_OUTPUT} <= set(rig.ports()), PATIENCE_SECONDS, "our ports")
    connect_all(rig)
    rig.run("jack_transport", text="locate 0\nplay\n")
    play_along(observer, 30)
    errors = errors_against_ticks(observer)
    rig.run("jack_transport", text="stop\n")
    wait_until(lambda: any(item.data[0] == 0xFC for item in list(observer.heard["clock"])), what="Stop")
    wait_until(lambda: not observer.hanging(), what="note-offs after Stop")
    report = jam.end()
    assert report["hanging_notes"] == report["faults"] == 0
    assert report["notes_in"] > 0
    period = PERIOD * 1000 / SAMPLE_RATE
    assert statistics.median(errors) < 2 * period + 2, errors  # a random onset would be 5 ms off
    check_recording(jam)


def test_our_clock_is_read_by_another_program(rig: Rig, observer: Observer) -> None:
    dump = rig.folder / "clock.txt"
    jam = start_jam(rig, source="internal", bpm=132)
    rig.start("jack_mclk_dump", "-n", output=dump)
    rig.connect(OUR_OUTPUT, next_port(rig, "mclk_in"))
    wait_until(lambda: len(tempi(dump)) > 48, PATIENCE_SECONDS, "tempi")
    jam.end()
    # a tick comes at a multiple of 64 frames, 1.5 % off; the dummy driver's own clock slips as well
    assert abs(statistics.median(tempi(dump)) - 132) < 0.03 * 132


def next_port(rig: Rig, ending: str) -> str:
    """The port whose name ends so, once it is there."""
    wait_until(lambda: any(name.endswith(ending) for name in rig.ports()), what=ending)
    return next(name for name in rig.ports() if name.endswith(ending))


def tempi(dump: Path) -> list[float]:
    """The beats a minute that jack_mclk_dump read from each of our ticks (its filter stays near the first one for a minute)."""
    text = dump.read_text(errors="replace") if dump.exists() else ""
    return [float(value) for value in re.findall(r"cur:\s*([0-9.]+)", text)]


def test_a_clock_that_vanishes_and_returns_is_taken_up_again(rig: Rig, observer: Observer) -> None:
    master = rig.start("jack_midi_clock", "-b", "120")
    wait_until(lambda: "jack_midi_clock:mclk_out" in rig.ports(), what="the clock")
    jam = start_jam(rig, "--in", "midi_clock")
    wait_until(lambda: f"   {OUR_INPUT}" in rig.run("jack_lsp", "-c"), PATIENCE_SECONDS, "our connection")
    master.kill()
    master.wait()
    wait_until(lambda: '"connected":false' in jam.log.read_text(), 30, "the loss")
    rig.start("jack_midi_clock", "-b", "120")
    wait_until(lambda: jam.log.read_text().count('"connected":true') >= 3, 30, "the return")
    wait_until(lambda: f"   {OUR_INPUT}" in rig.run("jack_lsp", "-c"), 30, "our connection again")
    assert jam.end()["faults"] == 0
