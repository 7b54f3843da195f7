"""Two sizes of one checkpoint in a session: which one writes, when it changes, and what the player is told."""

from __future__ import annotations

from dataclasses import replace

from companion.session.api.effects import Generate, Job, Notice
from companion.session.api.events import EngineLost, EngineReady, LoadedSize
from companion.session.api.settings import ClockSettings
from tests.session.session_stage import CHECKPOINT, Stage, duo, wish

LARGE = LoadedSize(
    replace(CHECKPOINT, name="yellow_20m", parameters=20_000_000, chord_guide=True), ((4, 0.15), (8, 0.2))
)
MINI = LoadedSize(replace(CHECKPOINT, name="yellow_mini", parameters=2_000_000), ((4, 0.03), (8, 0.04)))
BOTH = EngineReady(LARGE.checkpoint, LARGE.warm_seconds, (MINI,))


class Machine:
    """How long each size takes for a request; `slowness` stands for whatever else runs."""

    def __init__(self, large: float, mini: float) -> None:
        self.seconds = {"yellow_20m": large, "yellow_mini": mini}
        self.slowness = 1.0

    def __call__(self, job: Job) -> float:
        return self.slowness * self.seconds[job.size]


def jam(machine: Machine, bpm: float, ready: EngineReady = BOTH) -> Stage:
    stage = Stage(duo(clock=ClockSettings(source="internal", bpm=bpm)), machine)
    stage.at(0.0, ready)
    stage.at(0.5, wish("start"))
    return stage


def sizes(stage: Stage) -> list[str]:
    """Who was asked for each bar, in order; insurances left out."""
    return [effect.job.size for _, effect in stage.jobs(Generate)]


def notices(stage: Stage) -> list[str]:
    return [effect.text for _, effect in stage.log if isinstance(effect, Notice)]


def in_time(stage: Stage) -> float:
    generation = stage.session.snapshot(stage.now).generation
    return generation.bars_fresh / generation.bars


def test_the_large_size_writes_where_it_is_in_time() -> None:
    stage = jam(Machine(large=0.3, mini=0.06), bpm=120)
    stage.run(60)
    assert set(sizes(stage)) == {"yellow_20m"}
    assert in_time(stage) == 1
    assert stage.session.snapshot(stage.now).generation.why_this_size == "in time at this tempo"


def test_the_small_size_writes_at_a_tempo_that_is_too_fast_for_the_large_one() -> None:
    stage = jam(Machine(large=1.2, mini=0.2), bpm=200)
    stage.run(60)
    assert sizes(stage)[-1] == "yellow_mini"
    assert in_time(stage) >= 0.97  # of 48 bars the first may be late
    assert "yellow_20m" in stage.session.snapshot(stage.now).generation.why_this_size


def test_a_tempo_change_changes_the_size_at_a_bar_line_and_back() -> None:
    stage = jam(Machine(large=0.8, mini=0.08), bpm=120)
    stage.at(20.0, wish("set_tempo", bpm=240.0))
    stage.at(40.0, wish("set_tempo", bpm=120.0))
    stage.run(80)
    order = [name for name, before in zip(sizes(stage), [None, *sizes(stage)], strict=False) if name != before]
    assert order == ["yellow_20m", "yellow_mini", "yellow_20m"]
    told = [text for text in notices(stage) if "writes from here on" in text]
    assert len(told) == 2
    assert told[0].startswith("yellow_mini writes from here on: yellow_20m needs ")
    assert in_time(stage) > 0.95


def test_a_machine_that_becomes_busy_hands_over_to_the_small_size() -> None:
    machine = Machine(large=0.5, mini=0.08)
    stage = jam(machine, bpm=120)
    stage.run(20)
    assert set(sizes(stage)) == {"yellow_20m"}
    machine.slowness = 5.0
    stage.run(40)
    asked = len(sizes(stage))
    stage.run(60)
    assert set(sizes(stage)[asked:]) == {"yellow_mini"}
    machine.slowness = 1.0
    stage.run(160)
    assert sizes(stage)[-1] == "yellow_20m"


def test_a_size_that_joins_takes_over_at_a_bar_line_and_no_request_is_lost() -> None:
    stage = jam(Machine(large=0.3, mini=0.06), 120, EngineReady(MINI.checkpoint, MINI.warm_seconds))
    joined = replace(BOTH, joined=True, remarks=("yellow.pt is not the file that was shipped",))
    stage.at(10.1, joined)
    stage.run(30)
    order = list(dict.fromkeys(sizes(stage)))
    assert order == ["yellow_mini", "yellow_20m"]
    assert in_time(stage) == 1
    assert "yellow.pt is not the file that was shipped" in notices(stage)


def test_one_size_alone_gives_no_reason_and_no_notice() -> None:
    stage = jam(Machine(large=0.3, mini=0.06), 120, EngineReady(LARGE.checkpoint, LARGE.warm_seconds))
    stage.run(20)
    assert stage.session.snapshot(stage.now).generation.why_this_size == ""
    assert not [text for text in notices(stage) if "writes from here on" in text]


def test_a_lost_engine_takes_its_sizes_with_it() -> None:
    stage = jam(Machine(large=0.3, mini=0.06), 120)
    stage.at(10.0, EngineLost("it died"))
    stage.at(12.0, EngineReady(MINI.checkpoint, MINI.warm_seconds))
    stage.run(30)
    assert sizes(stage)[-1] == "yellow_mini"
    assert stage.session.snapshot(stage.now).checkpoint == MINI.checkpoint
