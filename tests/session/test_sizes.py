"""The loaded sizes and the times measured of each: events and seconds in, the writing size out."""

from __future__ import annotations

from companion.music import TimeSignature
from companion.session.api.events import CheckpointInfo, EngineReady, LoadedSize
from companion.session.requests.sizing.sizes import Sizes

METER = TimeSignature()


def info(name: str, parameters: int) -> CheckpointInfo:
    return CheckpointInfo(name, "onnx", (4, 8), ("attention",), False, 32, 12, (METER,), (), parameters)


LARGE = LoadedSize(info("yellow_20m", 20_000_000), ((4, 0.2), (8, 0.3)))
MINI = LoadedSize(info("yellow_mini", 2_000_000), ((4, 0.04), (8, 0.06)))
BOTH = EngineReady(LARGE.checkpoint, LARGE.warm_seconds, (MINI,))


def sizes_of(event: EngineReady) -> Sizes:
    sizes = Sizes(margin=1.25, floor_seconds=0.05)
    sizes.ready(event)
    return sizes


def choose(sizes: Sizes, bar: int, bar_seconds: float, parts: int = 1) -> str:
    choice = sizes.choose(bar, bar_seconds, parts, lambda info: (8, 4))
    assert choice is not None
    return choice.name


def test_before_anything_is_measured_the_times_at_rest_decide():
    # 0.2 s at rest, twice that while nothing is measured, a quarter of margin: 0.5 s, which must be half a bar at most
    assert choose(sizes_of(BOTH), 0, 1.1) == "yellow_20m"
    assert choose(sizes_of(BOTH), 0, 0.9) == "yellow_mini"


def test_measured_times_of_the_running_size_tell_what_the_waiting_one_would_take():
    sizes = sizes_of(BOTH)
    assert choose(sizes, 0, 0.9) == "yellow_mini"
    for _ in range(12):
        sizes.deadlines_of("yellow_mini").record(4, 1, 0.04)
    # the large size takes five times as long: 0.04 · 1.25 · 5 = 0.25 s, less than 0.7 of a bar
    assert choose(sizes, 1, 0.9) == "yellow_20m"


def test_a_busy_machine_keeps_the_large_size_from_coming_back():
    sizes = sizes_of(BOTH)
    assert choose(sizes, 0, 0.9) == "yellow_mini"
    for _ in range(12):
        sizes.deadlines_of("yellow_mini").record(4, 1, 0.12)  # three times as slow as at rest
    assert choose(sizes, 1, 0.9) == "yellow_mini"


def test_late_bars_hand_over_and_the_reason_is_told():
    sizes = sizes_of(BOTH)
    assert choose(sizes, 0, 2.0) == "yellow_20m"
    sizes.wrote("yellow_20m", in_time=False)
    sizes.wrote("yellow_20m", in_time=False)
    assert choose(sizes, 1, 2.0) == "yellow_mini"
    assert sizes.why == "yellow_20m was late"
    assert sizes.current == MINI.checkpoint


def test_more_parts_need_a_smaller_size():
    sizes = sizes_of(BOTH)
    assert choose(sizes, 0, 1.1, parts=1) == "yellow_20m"
    assert choose(sizes, 1, 1.1, parts=4) == "yellow_mini"


def test_a_size_that_joins_keeps_what_is_known_of_the_others():
    sizes = sizes_of(EngineReady(MINI.checkpoint, MINI.warm_seconds))
    assert not sizes.several
    assert choose(sizes, 0, 2.0) == "yellow_mini"
    assert sizes.why == ""
    for _ in range(4):
        sizes.deadlines.record(4, 1, 0.04)
    sizes.ready(EngineReady(LARGE.checkpoint, LARGE.warm_seconds, (MINI,), joined=True))
    assert sizes.current == MINI.checkpoint  # until the next bar line
    assert sizes.deadlines_of("yellow_mini").is_measured
    assert choose(sizes, 1, 2.0) == "yellow_20m"


def test_an_engine_that_is_lost_leaves_nothing():
    sizes = sizes_of(BOTH)
    sizes.lost()
    assert sizes.current is None
    assert sizes.choose(0, 2.0, 1, lambda info: (8, 4)) is None
