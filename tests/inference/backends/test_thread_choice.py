"""Two threads are used while they are the quicker ones, and a busy core is noticed within a few steps."""

from __future__ import annotations

from random import Random

from companion.inference.backends.thread_choice import ThreadChoice

ALONE, TOGETHER, STALLED = 1.7e-3, 1.1e-3, 8e-3  # seconds a step, as measured at 20 M parameters


def run(choice: ThreadChoice, steps: int, stalls: float, hiccups: float = 0.0, seed: int = 0) -> tuple[float, float]:
    """(mean seconds a step, share of steps with two threads). stalls: share of their steps in which they waited for each
    other; hiccups: share of all steps that anything else held up."""
    chance, seconds, together = Random(seed), 0.0, 0
    for _ in range(steps):
        step = TOGETHER if choice.together else ALONE
        if (choice.together and chance.random() < stalls) or chance.random() < hiccups:
            step = STALLED
        together += choice.together
        choice.took(step)
        seconds += step
    return seconds / steps, together / steps


def test_two_threads_where_the_cores_are_free() -> None:
    mean, share = run(ThreadChoice(), 1000, stalls=0.0)
    assert share > 0.99
    assert mean < 1.02 * TOGETHER


def test_single_hiccups_do_not_decide() -> None:
    assert run(ThreadChoice(), 3000, stalls=0.0, hiccups=0.01)[1] > 0.9


def test_one_thread_where_two_wait_for_each_other() -> None:
    mean, share = run(ThreadChoice(), 3000, stalls=0.25)
    assert share < 0.1
    assert mean < 1.1 * ALONE


def test_a_core_that_gets_busy_and_free_again_is_noticed() -> None:
    choice = ThreadChoice()
    run(choice, 500, stalls=0.0)
    assert run(choice, 500, stalls=0.5)[0] < 1.2 * ALONE
    run(choice, 1024, stalls=0.0)
    assert run(choice, 500, stalls=0.0)[1] > 0.95
