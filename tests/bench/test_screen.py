"""A program on a terminal of its own."""

from __future__ import annotations

import sys

import pytest

from companion.errors import CompanionError

if sys.platform == "win32":
    pytest.skip("no pseudo-terminals", allow_module_level=True)

from companion.bench.live.screen import run_on_screen


def test_what_a_program_draws_is_taken_until_it_ends() -> None:
    run = run_on_screen(["--help"], music_seconds=0)
    assert run.drawn_bytes > 500
    assert run.first_frame is None, "help is no screen"


def test_a_program_that_fails_says_why() -> None:
    with pytest.raises(CompanionError, match="no such command: sing"):
        run_on_screen(["sing"], music_seconds=0)
