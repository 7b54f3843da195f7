"""Wanted attribute levels against the measured ones."""

from __future__ import annotations

import pytest

from companion.tokenizer.attributes import reconcile


@pytest.mark.parametrize(
    ("wanted", "result"),
    [
        ({"max_polyphony": 0}, {"min_polyphony": 0, "max_polyphony": 0}),
        ({"min_polyphony": 5}, {"min_polyphony": 5, "max_polyphony": 5}),
        ({"max_polyphony": 7}, {"min_polyphony": 2, "max_polyphony": 7}),
        ({"min_polyphony": 6, "max_polyphony": 1}, {"min_polyphony": 6, "max_polyphony": 1}),
        ({"min_polyphony": None}, {"min_polyphony": None, "max_polyphony": 3}),
    ],
)
def test_the_end_not_asked_for_gives_way(wanted: dict[str, int | None], result: dict[str, int | None]) -> None:
    assert reconcile({"min_polyphony": 2, "max_polyphony": 3}, wanted) == result
