"""The loop's own account of its turns."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from companion.runtime.machine.loop_meter import PARTS, LoopMeter


def turn(meter: LoopMeter, *parts: float, playing: bool = True) -> str:
    """One turn of these seconds a part."""
    now = 100.0
    meter.begin(now, now + parts[0])
    now += parts[0]
    for part in parts[1:]:
        now += part
        meter.mark(now)
    return meter.end(playing)


def test_the_longest_turn_is_blamed_on_its_longest_part() -> None:
    meter = LoopMeter()
    quick = [0.0001] * len(PARTS)
    assert [turn(meter, *quick) for _ in range(200)] == [""] * 200
    slow = list(quick)
    slow[PARTS.index("picture")] = 0.05
    assert "picture 50.0" in turn(meter, *slow)
    summary = meter.summary()
    assert (summary["held_by"], summary["slow_turns"]) == ("picture", 1)
    assert 50 < summary["max"] < 51
    assert summary["longest"]["picture"] > 49 > 1 > summary["longest"]["midi"]


def test_turns_while_nothing_plays_are_told_but_not_counted() -> None:
    meter = LoopMeter()
    assert "midi 200.0" in turn(meter, 0.0, 0.2, playing=False)
    assert meter.summary()["max"] == meter.summary()["p99"] == 0.0


@given(st.lists(st.floats(1e-5, 1.0), min_size=1, max_size=300))
def test_quantiles_are_right_to_a_tenth(seconds: list[float]) -> None:
    meter = LoopMeter()
    for part in seconds:
        turn(meter, part)
    ordered = sorted(seconds)
    for share, name in ((0.5, "p50"), (0.99, "p99")):
        true = 1000 * ordered[max(0, -(-len(ordered) * round(100 * share) // 100) - 1)]
        assert true * 0.99 - 0.001 <= meter.summary()[name] <= true * 1.1 + 0.001
