"""Two performances on one machine: ports of their own, and every note of both is heard."""

from __future__ import annotations

from tests.rig.harness import Observer, Rig, wait_until
from tests.rig.jam import PATIENCE_SECONDS, start_jam
from tests.rig.test_jam_over_jack import OUR_OUTPUT


def test_two_jams_keep_apart_and_no_note_is_dropped(rig: Rig, observer: Observer) -> None:
    first = start_jam(rig, "--out", "observer:notes", source="internal", bpm=120)
    second = start_jam(rig, "--out", "observer:clock", source="internal", bpm=132, name="second")
    ours = {name.partition(":")[0] for name in rig.ports() if name.startswith("companion out")}
    assert OUR_OUTPUT.partition(":")[0] in ours
    assert len(ours) == 2, "each has a name of its own"

    def heard(name: str) -> int:
        return sum(item.is_note_on for item in list(observer.heard[name]))

    wait_until(lambda: heard("notes") > 12 and heard("clock") > 12, PATIENCE_SECONDS, "notes of both")
    reports = [jam.end() for jam in (first, second)]
    wait_until(lambda: [heard("notes"), heard("clock")] == [report["notes_out"] for report in reports], 5, "all notes")
    for report in reports:
        assert report["hanging_notes"] == report["faults"] == 0
    assert not observer.hanging()
