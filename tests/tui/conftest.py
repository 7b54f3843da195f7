"""What all tests of the screen share."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def no_other_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """No checkpoint is listed: another process reads the list, which takes seconds, and the end of a test would wait for it."""
    for module in ("pickers.menus", "finder.finder"):
        monkeypatch.setattr(f"companion.tui.{module}.installed_checkpoints", list)
