"""Fixtures of the rig; what they are made of is in harness.py."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.rig.harness import TOOLS, Observer, Rig, free_server_name, missing_rig, start_server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs the rig, and listens when notes come."""
    for item in items:
        if "tests/rig" in str(item.path):
            item.add_marker(pytest.mark.rig)
            item.add_marker(pytest.mark.quiet)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A JACK server with a dummy driver, of a name of its own."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        missing_rig(f"{', '.join(missing)} not installed (apt install jackd2 jack-midi-clock klick)")
    with free_server_name() as name:
        yield from serving(name, tmp_path)


def serving(name: str, tmp_path: Path) -> Iterator[Rig]:
    """Start the server, hand the rig out, end everything."""
    environment = {**os.environ, "JACK_DEFAULT_SERVER": name, "JACK_NO_START_SERVER": "1"}
    rig = Rig(name, tmp_path, environment, start_server(name, tmp_path, environment))
    try:
        rig.wait_for_server()
        if rig.server.poll() is not None:
            missing_rig(f"jackd does not start: {(tmp_path / 'jackd.log').read_text(errors='replace')}")
        yield rig
    finally:
        rig.close()


@pytest.fixture
def observer(rig: Rig) -> Iterator[Observer]:
    """An independent recorder and player on the rig."""
    pytest.importorskip("jack")
    with closing(Observer(rig)) as watcher:
        yield watcher
