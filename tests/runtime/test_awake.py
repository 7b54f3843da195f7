"""Keeping the cores awake: what is asked of the system, and that it is taken back."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from companion.runtime.machine.keep_awake import Cores


@pytest.mark.parametrize(("driver", "microseconds"), [("haltpoll\n", 0), ("intel_idle\n", 20), (None, 20)])
def test_the_latency_asked_for(tmp_path: Path, driver: str | None, microseconds: int) -> None:
    wish, current = tmp_path / "latency", tmp_path / "driver"
    wish.touch()
    if driver is not None:
        current.write_text(driver)
    cores = Cores(wish, current)
    assert cores.keep_awake()
    assert struct.unpack("=i", wish.read_bytes()) == (microseconds,)


def test_the_wish_is_kept_open_once_and_taken_back(tmp_path: Path) -> None:
    wish = tmp_path / "latency"
    wish.touch()
    cores = Cores(wish, tmp_path / "driver")
    assert [cores.keep_awake(), cores.keep_awake()] == [True, True]
    assert len(wish.read_bytes()) == 4, "asked for once"
    cores.let_sleep()
    cores.let_sleep()
    assert not cores.awake
    assert cores.keep_awake(), "and again with the next music"


def test_where_it_is_refused_it_is_not_asked_again(tmp_path: Path) -> None:
    wish = tmp_path / "latency"
    cores = Cores(wish, tmp_path / "driver")
    assert not cores.keep_awake()
    wish.touch()
    assert not cores.keep_awake()
    cores.let_sleep()
