"""Which MIDI keyboards are to be passed on to the sound: asked once for each, and kept in the user's state folder."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import platformdirs


def _path() -> Path:
    return platformdirs.user_state_path("companion") / "thru.json"


def thru_wish(keyboard: str) -> bool | None:
    """What was answered for this keyboard; None if it was never asked, or where that cannot be read."""
    answer = _wishes().get(keyboard)
    return answer if isinstance(answer, bool) else None


def remember_thru(keyboard: str, wanted: bool) -> None:
    """Keep the answer; failing to is no reason to stop, it is asked again."""
    wishes = {**_wishes(), keyboard: wanted}
    with suppress(OSError):
        _path().parent.mkdir(parents=True, exist_ok=True)
        _path().write_text(json.dumps(wishes, ensure_ascii=False, indent=1), encoding="utf-8")


def _wishes() -> dict[str, object]:
    try:
        found = json.loads(_path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
