"""Gives Textual's command palette the actions that can be found, and does the one that is chosen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from companion.tui import palette
from companion.tui.finder.actions import Action, findable, listed
from companion.tui.finder.typed import typed_actions

if TYPE_CHECKING:
    from companion.tui.app import CompanionApp
    from companion.tui.finder.finder import Finder

_KEY_STYLE, _FAULT_STYLE = f"not bold {palette.YELLOW}", f"not bold {palette.VERMILION}"
TYPED, EXACT, WORDS = 2000.0, 1000.0, 500.0  # scores above those of scattered letters


class ActionProvider(Provider):
    """Searches the actions of the main screen."""

    @property
    def _finder(self) -> Finder:
        app: CompanionApp = self.app  # pyright: ignore[reportAssignmentType]
        return app.finder

    async def search(self, query: str) -> Hits:
        """Every action whose name or key fits, the best first."""
        for action in typed_actions(query):
            yield self._hit(TYPED, Content(action.name), action)
        matcher = self.matcher(query)
        for action in findable(self._finder.known()):
            score = _score(query, action) or matcher.match(action.name)
            if score > 0:
                yield self._hit(score, matcher.highlight(action.name), action)

    async def discover(self) -> Hits:
        """Before anything is typed: the keys, the parts, and what only switches can do."""
        for action in listed(self._finder.known()):
            yield DiscoveryHit(_line(Content(action.name), action), self._doing(action), action.name)

    def _hit(self, score: float, name: Content, action: Action) -> Hit:
        return Hit(score, _line(name, action), self._doing(action), action.name)

    def _doing(self, action: Action) -> Callable[[], Awaitable[None]]:
        return partial(self._finder.do, action)


def _score(query: str, action: Action) -> float:
    """How well the typed words or the typed key fit; 0 if they do not. Of names that have all the words, the shortest fits best."""
    if query in action.keys.split(" or "):
        return EXACT
    name = action.name.lower()
    fits = all(word in name for word in query.lower().split())
    return max(WORDS - len(name), 1.0) if fits else 0.0


def _line(name: Content, action: Action) -> Content:
    line = name
    if action.keys:
        line += Content.styled(f"   {action.keys}", _KEY_STYLE)
    if action.fault:
        line += Content.styled(f"   {action.fault}", _FAULT_STYLE)
    return line
