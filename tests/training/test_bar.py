"""The bar of a training run: in a terminal, and plain lines elsewhere."""

from __future__ import annotations

import io

from rich.console import Console

from companion.cli.models.training_bar import TrainingBar, words
from companion.training.run.view import RunView

VIEW = RunView(1200, 3_400_000, 1.523, 41_234.0, 0.25, 3725.0)


def test_a_terminal_shows_a_bar_below_the_lines() -> None:
    terminal = io.StringIO()
    with TrainingBar(Console(file=terminal, force_terminal=True, width=100)) as bar:
        bar.show(VIEW)
        bar.say("valid | bits [1.6]")
    shown = terminal.getvalue()
    assert "valid | bits [1.6]" in shown
    assert "25%" in shown
    assert "step 1200 · 1.523 bits/token · 41,234 tokens/s · 1:02:05 left" in shown


def test_elsewhere_there_are_lines_only() -> None:
    file = io.StringIO()
    with TrainingBar(Console(file=file)) as bar:
        bar.show(VIEW)
        bar.say("valid | bits [1.6]")
    assert file.getvalue() == "valid | bits [1.6]\n"


def test_what_is_not_known_is_left_out() -> None:
    assert words(RunView(1, 100, None, 50.0, None, None)) == "step 1 · 50 tokens/s"
