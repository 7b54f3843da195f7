"""Opening and giving up shared clocks."""

from __future__ import annotations

import time

import pytest

from companion.runtime.clocks.shared_clock import RETRY_SECONDS, FollowedClock

PATIENCE_SECONDS = 60.0


def test_a_jack_server_that_is_not_there_is_one_line_and_is_looked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        import jack
    except (ImportError, OSError):
        pytest.skip("JACK or its library is not installed")
    tries = []
    client = jack.Client
    monkeypatch.setattr(jack, "Client", lambda *arguments, **options: tries.append(1) or client(*arguments, **options))
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "companion-nobody")
    remarks: list[str] = []
    followed, now = FollowedClock(remarks.append), 100.0
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(tries) < 3 and time.monotonic() < deadline:
        now += RETRY_SECONDS
        followed.follow("jack", 120.0, 4.0, now)
        assert followed.poll(now) == []
        time.sleep(0.01)
    assert len(tries) == 3
    followed.close()
    assert remarks == ["JACK transport: no JACK server is running"]
