"""Which extensions a session's settings ask for."""

from __future__ import annotations

from companion.session.extension import Extension
from companion.session.settings import SessionSettings


def extensions_for(settings: SessionSettings) -> tuple[Extension, ...]:
    """In the order in which they are asked."""
    return ()
