"""The machine sleeps in mid-performance and wakes: silence, then a clean start. 120 BPM, bars of 2 s, the music from second 1."""

from __future__ import annotations

from dataclasses import replace

import pytest

from companion.midi.messages import NoteOn
from companion.session.api.effects import Notice
from companion.session.api.events import MachineSlept, command
from companion.session.api.settings import ClockSettings
from tests.session.session_stage import READY, Stage, duo

BAR = 96  # ticks
TICK = 1 / 48


def slept(stage: Stage) -> list[str]:
    return [effect.text for _, effect in stage.log if isinstance(effect, Notice) and "slept" in effect.text]


def test_with_a_master_that_ticked_on_the_music_is_lost_and_goes_on_with_the_next_tick() -> None:
    stage = Stage(duo())
    stage.at(0, READY)
    stage.clock(1.0, BAR * 2 + 30)  # the monotonic clock stands still from here: 30 ticks into bar 3
    stage.at(5.63, MachineSlept(600.0))
    stage.clock(5.66, BAR * 3, start=False)  # its ticks, as they come after the wake
    stage.run(5.64)
    assert stage.sounding.total() == 0, "silence at once"
    assert not stage.session.running
    assert slept(stage) == ["the machine slept for 600 s: the music starts afresh"]
    stage.run(11.0)
    assert stage.session.running
    beats = [time for time, _ in stage.sent(NoteOn, 1) if time > 6.5]
    assert beats
    # 30 ticks of bar 3 were heard before the sleep, so its third beat is 18 ticks later than the first tick after it
    assert all(((beat - 5.66 - 18 * TICK + 0.25) % 0.5) == pytest.approx(0.25, abs=0.01) for beat in beats)
    assert stage.double_ons == 0


def test_with_our_own_clock_the_bar_starts_over() -> None:
    settings = replace(duo(), clock=ClockSettings(source="internal", bpm=120))
    stage = Stage(settings)
    stage.at(0, READY)
    stage.at(1.0, command("start"))
    stage.at(6.3, MachineSlept(60.0))  # in bar 3, a bit behind its second beat
    stage.run(6.301)
    transport = stage.session.snapshot(stage.now).transport
    assert (transport.song_bar, transport.beat) == (2, pytest.approx(0.0, abs=0.01))
    stage.run(14.0)
    beats = [time for time, _ in stage.sent(NoteOn, 1) if time > 8.0]
    assert beats
    assert all((beat - 6.3 + 0.25) % 0.5 == pytest.approx(0.25, abs=0.01) for beat in beats)
    assert len(slept(stage)) == 1


def test_at_rest_a_sleep_is_nobodys_business() -> None:
    stage = Stage(duo())
    stage.at(0, READY)
    stage.at(1.0, MachineSlept(60.0))
    stage.run(2.0)
    assert slept(stage) == []
    assert not stage.session.running
