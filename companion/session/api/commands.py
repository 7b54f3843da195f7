"""What a player can ask for: one frozen class for each command, and the registry of their names.

    Mute(track=1, on=True)                       from code
    command("mute", track=1, on=True)            from a name and keywords: logs, OSC
    command_of_action("mute:2")                  from a learned control, as presets write it (see `action_text`)

A command with wrong arguments cannot be made: all three raise CommandError with one line. The session checks what depends on the
state of the performance (no such track, nothing to undo) and answers with a notice.
Bars are session bars, counted from 0. Tracks are lanes, counted from 0. A switch (`on`) that is None toggles.
The classes are in families:
`transport_commands`, `bar_commands`, `lane_commands`, `model_commands`, `setup_commands`, `song_commands`, `snapshot_commands`,
`calls`, `control_commands`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from typing import Any

from companion.errors import CommandError
from companion.session.api import (
    bar_commands,
    calls,
    control_commands,
    lane_commands,
    model_commands,
    setup_commands,
    snapshot_commands,
    song_commands,
    transport_commands,
)
from companion.session.api.action_text import arguments_of_text
from companion.session.api.command_base import Command, Refused, spoken

_FAMILIES = (
    transport_commands,
    bar_commands,
    lane_commands,
    model_commands,
    setup_commands,
    song_commands,
    snapshot_commands,
    calls,
    control_commands,
)

COMMANDS: dict[str, type[Command]] = {
    kind.command_name: kind
    for family in _FAMILIES
    for kind in vars(family).values()
    if isinstance(kind, type) and issubclass(kind, Command) and kind is not Command
}


def command(name: str, /, **arguments: Any) -> Command:
    """Make a command: `command("mute", track=1, on=True)`. Raises CommandError for an unknown or unsuitable name or argument."""
    kind = COMMANDS.get(name)
    if kind is None:
        raise CommandError(f"unknown command: {name}")
    known = {field.name: field.default is MISSING for field in fields(kind)}
    if unknown := [given for given in arguments if given not in known]:
        allowed = f"known: {', '.join(known)}" if known else "it has none"
        raise CommandError(f"{spoken(name)}: unknown argument {unknown[0]} ({allowed})")
    if missing := [needed for needed, required in known.items() if required and needed not in arguments]:
        raise CommandError(f"{spoken(name)}: {missing[0]} is missing")
    return kind(**arguments)


def command_of_action(action: str) -> Command:
    """Make a command from a learned action: its name, and its arguments as text ("keep", "mute:2", "fill:now"). Raises CommandError.

    See `action_text` for how arguments are written.
    """
    name, colon, text = action.partition(":")
    kind = COMMANDS.get(name)
    given = arguments_of_text(kind, spoken(name), text) if kind is not None and colon else {}
    return command(name, **given)


@dataclass(frozen=True, slots=True)
class Learn(Command):
    """Bind this action ("keep", "mute:2", "set_intensity:80") to the next control that moves; "" cancels."""

    action: str

    def __post_init__(self) -> None:
        Command.__post_init__(self)
        if self.action:
            command_of_action(self.action)


COMMANDS[Learn.command_name] = Learn


def attempt(make: Callable[..., Command], /, *arguments: Any, **keywords: Any) -> Command:
    """Return what `make` returns, or a Refused that says why the command cannot be made."""
    try:
        return make(*arguments, **keywords)
    except CommandError as error:
        return Refused(str(error))


def arguments_of(wish: Command) -> dict[str, Any]:
    """Return the arguments that differ from their defaults: `command(wish.command_name, **arguments_of(wish)) == wish`."""
    found = ((field, getattr(wish, field.name)) for field in fields(wish))
    return {field.name: value for field, value in found if field.default is MISSING or value != field.default}
