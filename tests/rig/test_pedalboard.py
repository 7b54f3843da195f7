"""A pedalboard over real ports: every call is stepped on while the band plays, and the ending ends the music.

What each call does bar by bar is tested in simulated time. Here it is heard by an observer, on a real clock, through real switches.
"""

from __future__ import annotations

import time
from itertools import pairwise

from tests.rig.harness import SAMPLE_RATE, Heard, Observer, Rig, wait_until
from tests.rig.jam import PATIENCE_SECONDS, start_jam
from tests.rig.test_jam_over_jack import OUR_INPUT, OUR_OUTPUT, check_recording

BPM = 240
BEAT_FRAMES = SAMPLE_RATE * 60 // BPM
BEATS_A_BAR = 4
DRUM_CHANNEL = 9
TICK, STOP = 0xF8, 0xFC
# A learned switch for each call: controllers 80 and up on the first channel.
CALLS = (
    "fill",
    "fill:now",
    "break",
    "drums_only",
    "solo_for_me",
    "half_time",
    "double_time",
    "build",
    "drop",
    "set_intensity:50",
    "cancel_call",
    "ending",
)
PRESET_LINES = (
    "[session]\nlearned = {" + ", ".join(f'"cc:{80 + at}@1" = "{call}"' for at, call in enumerate(CALLS)) + "}"
)
DRUMS = """
[[tracks]]
name = "drums"
role = "companion"
drums = true
"""


def step_on(observer: Observer, call: str) -> int:
    """Press a switch and let it go. Returns the frame of the last note before it."""
    controller = 80 + CALLS.index(call)
    observer.play(bytes((0xB0, controller, 127)), bytes((0xB0, controller, 0)))
    notes = observer.note_ons()
    return notes[-1].frame if notes else 0


def rest(observer: Observer, beats: int) -> None:
    """Let the band play so many beats of its own clock."""

    def ticks() -> int:
        return sum(item.data[0] == TICK for item in list(observer.heard["notes"]))

    wanted = ticks() + 24 * beats
    wait_until(lambda: ticks() >= wanted, PATIENCE_SECONDS, f"{beats} beats")


def between(observer: Observer, start: int, end: int) -> list[Heard]:
    """The notes that began in these frames."""
    return [note for note in observer.note_ons() if start <= note.frame < end]


def channels(notes: list[Heard]) -> set[int]:
    return {note.data[0] & 0x0F for note in notes}


def stops(observer: Observer) -> list[int]:
    """Frames at which our clock stopped."""
    return [item.frame for item in list(observer.heard["notes"]) if item.data[0] == STOP]


def test_a_pedalboard_leads_the_band(rig: Rig, observer: Observer) -> None:
    jam = start_jam(rig, source="internal", bpm=BPM, more=DRUMS + PRESET_LINES)
    wait_until(lambda: {OUR_INPUT, OUR_OUTPUT} <= set(rig.ports()), PATIENCE_SECONDS, "our ports")
    rig.connect("observer:play", OUR_INPUT)
    rig.connect(OUR_OUTPUT, "observer:notes")
    wait_until(lambda: channels(observer.note_ons()) >= {1, DRUM_CHANNEL}, PATIENCE_SECONDS, "bass and drums")

    began = step_on(observer, "drums_only")
    rest(observer, 13)
    heard = between(observer, began + 5 * BEAT_FRAMES, began + 12 * BEAT_FRAMES)
    assert channels(heard) == {DRUM_CHANNEL}, "drums only"
    began = step_on(observer, "drums_only")
    rest(observer, 13)
    assert channels(between(observer, began, began + 12 * BEAT_FRAMES)) >= {1, DRUM_CHANNEL}, "everybody is back"

    began = step_on(observer, "break")
    rest(observer, 12)
    frames = [note.frame for note in between(observer, began, began + 12 * BEAT_FRAMES)]
    longest = max(later - earlier for earlier, later in pairwise(frames))
    assert longest > 3.4 * BEAT_FRAMES, "a break is silent"

    step_on(observer, "fill")
    step_on(observer, "cancel_call")
    for call in (
        "fill",
        "fill:now",
        "solo_for_me",
        "solo_for_me",
        "half_time",
        "half_time",
        "double_time",
        "double_time",
    ):
        step_on(observer, call)
        rest(observer, BEATS_A_BAR)
    for call in ("build", "drop", "set_intensity:50"):
        step_on(observer, call)
        rest(observer, 3)

    step_on(observer, "ending")
    wait_until(lambda: stops(observer), PATIENCE_SECONDS, "the end")
    time.sleep(1.0)  # not a wait for anything: the silence is what is tried
    report = jam.end()
    (ended,) = stops(observer)
    assert observer.note_ons()[-1].frame <= ended, "after the ending the band is silent"
    assert not observer.hanging()
    assert report["hanging_notes"] == 0
    check_recording(jam)
