"""Named outputs are waited for, and a flood of notes drowns neither our clock nor our end."""

from __future__ import annotations

import statistics
import time
from itertools import pairwise

from companion.runtime.recording.recorder import read_log
from companion.runtime.recording.records import InputDropped
from tests.rig.harness import SAMPLE_RATE, Observer, Rig, wait_until
from tests.rig.jam import PATIENCE_SECONDS, start_jam
from tests.rig.test_jam_over_jack import OUR_INPUT

FLOOD_SECONDS, BATCH, BATCH_SECONDS = 8.0, 100, 0.005  # 20,000 notes a second


def test_the_first_message_of_a_headless_jam_finds_the_output_it_was_given(rig: Rig, observer: Observer) -> None:
    jam = start_jam(rig, "--out", "observer:notes", source="internal", bpm=120)
    wait_until(lambda: len(observer.note_ons()) > 3, PATIENCE_SECONDS, "notes of ours")
    heard = [item.data[0] for item in list(observer.heard["notes"])]
    assert 0xFA in heard, "Start"
    assert heard.index(0xFA) < heard.index(0xF8)
    sent = jam.end()["notes_out"]
    wait_until(lambda: not observer.hanging(), what="note-offs")
    assert len(observer.note_ons()) == sent, "not one note was sent to nobody"


def test_twenty_thousand_notes_a_second_leave_the_clock_and_the_end_alone(rig: Rig, observer: Observer) -> None:
    jam = start_jam(rig, "--in", "observer", "--out", "observer:notes", source="internal", bpm=120)
    wait_until(lambda: f"   {OUR_INPUT}" in rig.run("jack_lsp", "-c"), PATIENCE_SECONDS, "our connection")
    wait_until(observer.note_ons, PATIENCE_SECONDS, "a note of ours")
    begun = time.monotonic()
    batches = 0
    while (now := time.monotonic() - begun) < FLOOD_SECONDS:
        if batches * BATCH_SECONDS <= now:
            keys = [(batches * BATCH + index) % 128 for index in range(BATCH)]
            observer.play(*(message for key in keys for message in (bytes((0x90, key, 80)), bytes((0x80, key, 0)))))
            batches += 1
        else:
            time.sleep(0.001)
    flooded_until = observer.heard["notes"][-1].frame
    begun = time.monotonic()
    report = jam.end()
    assert time.monotonic() - begun < 2.0 + 0.5, "it ends at once; half a second is for the interpreter's own end"
    wait_until(lambda: not observer.hanging(), what="note-offs")

    ticks = [item.frame for item in observer.heard["notes"] if item.data[0] == 0xF8 and item.frame < flooded_until]
    last = [frame for frame in ticks if frame > flooded_until - 6 * SAMPLE_RATE]
    gaps = [(after - before) * 1000 / SAMPLE_RATE for before, after in pairwise(last)]
    assert abs(statistics.mean(gaps) - 1000 * 60 / (24 * 120)) < 1.0, "as many ticks as in six seconds of rest"
    assert statistics.quantiles(gaps, n=20)[-1] < 40
    dropped = sum(record.count for record in read_log(jam.log).of_kind(InputDropped))
    assert dropped > 20_000
    assert jam.log.stat().st_size < 8_000_000
    assert report["hanging_notes"] == report["faults"] == 0
    assert (jam.folder / "performance.mid").is_file()
