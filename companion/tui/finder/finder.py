"""Opens the command palette and does what was chosen in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.command import CommandPalette

from companion.tui.finder.actions import Action, Known
from companion.tui.finder.provider import ActionProvider
from companion.tui.pickers.installed import installed_checkpoints

if TYPE_CHECKING:
    from companion.tui.app import CompanionApp

PLACEHOLDER = "what to do: mute bass, tempo 92, ending …"


class Finder:
    """The palette of one application."""

    def __init__(self, app: CompanionApp) -> None:
        self._app = app
        self._presets: tuple[str, ...] = ()

    def open(self) -> None:
        """Show the palette. Checkpoints and presets are looked up in the background; they can be found from then on."""
        self._app.push_screen(CommandPalette(providers=[ActionProvider], placeholder=PLACEHOLDER))
        self._app.run_worker(self._look, thread=True, group="finder", exclusive=True)

    def known(self) -> Known:
        """What can be found now."""
        return Known(self._app.picture, tuple(self._app.installed or ()), self._presets)

    async def do(self, action: Action) -> None:
        """Do it, and say so at the bottom."""
        app = self._app
        if action.fault:
            app.say(action.fault)
        elif action.action:
            await app.run_action(action.action, default_namespace=app.stage)
        elif action.preset:
            app.load_preset(action.preset)
        else:
            app.say(action.name)
            for wish in action.wishes:
                app.send(wish)

    def _look(self) -> None:
        from companion.config.presets import list_presets

        self._presets = tuple(name for name, _ in list_presets())
        if self._app.installed is None:
            self._app.found_checkpoints(installed_checkpoints())
