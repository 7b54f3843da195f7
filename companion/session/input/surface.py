"""The player's control surface: switches that do what a command does, and knobs that turn dials. One control is one of them."""

from __future__ import annotations

from collections.abc import Mapping

from companion.errors import UsageError
from companion.midi.messages import ChannelMessage
from companion.session.api import commands, control_commands
from companion.session.api.commands import Command, attempt, command_of_action
from companion.session.api.control_names import control_words
from companion.session.api.settings import Knob
from companion.session.commands.undoable import FindUndoable, dial
from companion.session.dials.knobs import Knobs
from companion.session.extension import Handler
from companion.session.input.controls import LearnedControls
from companion.session.lanes import Lanes


class ControlSurface:
    """Learns one thing at a time: a switch's action or a knob's dial."""

    def __init__(self, switches: LearnedControls, knobs: Knobs, lanes: Lanes) -> None:
        self._switches, self._knobs, self._lanes = switches, knobs, lanes

    @property
    def learning(self) -> str:
        """What the next control will do: an action, "dial:intensity", "dial:volume:2" for a part's, "" for nothing."""
        if self._knobs.learning is None:
            return self._switches.learning
        dial, track = self._knobs.learning
        return f"dial:{dial}" if track is None else f"dial:{dial}:{track}"

    @property
    def learned(self) -> Mapping[str, str]:
        """The switches: control name → action."""
        return self._switches.learned

    @property
    def knobs(self) -> tuple[Knob, ...]:
        """The knobs, with the dials that they turn."""
        return self._knobs.knobs

    def take(self, message: ChannelMessage) -> tuple[bool, Command | None]:
        """Return (whether this is a control's message and nothing else, what it asks for now)."""
        if self._knobs.learning is not None:
            is_knob, wish, bound = self._knobs.take(message)
            if bound:
                self._switches.forget(bound)
            return (True, wish) if is_knob else self._pressed(message)
        is_switch, wish = self._pressed(message)
        if is_switch:
            return True, wish
        is_knob, wish, _ = self._knobs.take(message)
        return is_knob, wish

    def _pressed(self, message: ChannelMessage) -> tuple[bool, Command | None]:
        """The message as a switch's. A control that has just become a switch is no longer a knob."""
        learning = self._switches.learning
        is_switch, action = self._switches.take(message)
        if learning and not self._switches.learning:
            self._knobs.forget(self._switches.newest)
        return is_switch, attempt(command_of_action, action) if action else None

    # -- the player's wishes ------------------------------------------------------------------------------------------

    def handlers(self) -> Mapping[type[Command], Handler]:
        """Which method does which command."""
        return {
            commands.Learn: self._learn,
            control_commands.LearnDial: self._learn_dial,
            control_commands.SetKnob: lambda wish, now: self._knobs.change(wish),
            control_commands.ForgetControl: self._forget,
        }

    def undoables(self) -> Mapping[type[Command], FindUndoable]:
        """What the commands change that take effect at once; what the next control will do is not part of it."""
        bindings = dial(
            "controls", self._bindings, self._write, lambda before: f"{len(before[0]) + len(before[1])} controls"
        )
        return {control_commands.SetKnob: lambda wish: bindings, control_commands.ForgetControl: lambda wish: bindings}

    def use(self, learned: Mapping[str, str], knobs: tuple[Knob, ...]) -> None:
        """Bind these controls and no others. Raises UsageError for one that cannot be."""
        self._write((dict(learned), knobs), 0.0)

    def _bindings(self) -> tuple[dict[str, str], tuple[Knob, ...]]:
        return dict(self._switches.learned), self._knobs.knobs

    def _write(self, before: tuple[dict[str, str], tuple[Knob, ...]], now: float) -> None:
        self._switches.bind(before[0])
        self._knobs.bind(before[1])

    def _learn(self, wish: commands.Learn, now: float) -> None:
        self._switches.learn(wish.action)
        self._knobs.learn("", None)

    def _learn_dial(self, wish: control_commands.LearnDial, now: float) -> None:
        if wish.track is not None:
            self._lanes.find(wish.track)
        self._switches.learn("")
        self._knobs.learn(wish.dial, wish.track)

    def _forget(self, wish: control_commands.ForgetControl, now: float) -> None:
        known = [self._knobs.forget(wish.control), self._switches.forget(wish.control)]
        if not any(known):
            raise UsageError(f"{control_words(wish.control)} has not been learned")
