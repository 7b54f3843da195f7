"""Fixtures of the rig; what they are made of is in harness.py."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.harness import PERIOD, SAMPLE_RATE, TOOLS, Observer, Rig, missing_rig


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs the rig."""
    for item in items:
        if "tests/rig" in str(item.path):
            item.add_marker(pytest.mark.rig)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A JACK server with a dummy driver, of a name of its own."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        missing_rig(f"{', '.join(missing)} not installed (apt install jackd2 jack-midi-clock klick)")
    name = f"rig-{os.getpid()}-{time.monotonic_ns() % 10**9}"
    environment = {**os.environ, "JACK_DEFAULT_SERVER": name, "JACK_NO_START_SERVER": "1"}
    log = (tmp_path / "jackd.log").open("wb")
    command = [
        "jackd",
        "-S",
        "-R",
        "-P70",
        "-n",
        name,
        "--port-max",
        "64",
        "-d",
        "dummy",
        "-r",
        str(SAMPLE_RATE),
        "-p",
        str(PERIOD),
    ]
    server = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    subprocess.run(["jack_wait", "-s", name, "-w", "-t", "5"], env=environment, capture_output=True, check=False)
    if server.poll() is not None:
        missing_rig(f"jackd does not start: {(tmp_path / 'jackd.log').read_text(errors='replace')[-300:]}")
    rig = Rig(name, tmp_path, environment, server)
    yield rig
    for process in [*reversed(rig.processes), server]:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)
    log.close()


@pytest.fixture
def observer(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Iterator[Observer]:
    """An independent recorder and player on the rig."""
    jack = pytest.importorskip("jack")
    for setter in (jack.set_error_function, jack.set_info_function):
        setter(lambda text: None)
    monkeypatch.setenv("JACK_DEFAULT_SERVER", rig.name)
    watcher = Observer(rig.name)
    yield watcher
    if rig.server.poll() is None:
        watcher.close()
