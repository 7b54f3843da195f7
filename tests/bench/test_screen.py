"""A program on a terminal of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from companion.errors import CompanionError

if sys.platform == "win32":
    pytest.skip("no pseudo-terminals", allow_module_level=True)

from companion.bench.live.screen import FRAME_TEXT, KEPT_BYTES, ScreenRun, _read, run_on_screen


def test_what_a_program_draws_is_taken_until_it_ends() -> None:
    run = run_on_screen(["--help"], music_seconds=0)
    assert run.drawn_bytes > 500
    assert run.first_frame is None, "help is no screen"


def test_a_program_that_fails_says_why() -> None:
    with pytest.raises(CompanionError, match="no such command: sing"):
        run_on_screen(["sing"], music_seconds=0)


def test_the_first_frame_is_seen_in_a_long_output() -> None:
    ours, theirs = os.pipe()
    os.write(theirs, FRAME_TEXT + bytes(3 * KEPT_BYTES))
    os.close(theirs)
    run = ScreenRun(begun=time.monotonic())
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        _read(process, ours, run, until=run.begun + 60)
    os.close(ours)
    assert run.first_frame is not None
