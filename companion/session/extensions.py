"""Which extensions a session's settings ask for."""

from __future__ import annotations

from companion.session.api.settings import SessionSettings
from companion.session.extension import Extension
from companion.session.practice.practising import Practising
from companion.session.trading.turns import TakingTurns


def extensions_for(settings: SessionSettings) -> tuple[Extension, ...]:
    """In the order in which they are asked."""
    turns = TakingTurns(settings.trading)
    if settings.song is None:
        return (turns,)
    return Practising(settings.song, settings.practice), turns
