"""Learned controls: foot switches, pads and program changes that do what a command does."""

from __future__ import annotations

from collections.abc import Mapping

from companion.midi.messages import ChannelMessage, ControlChange, NoteOn, ProgramChange
from companion.session.api.control_names import switch_name
from companion.session.api.effects import Learned
from companion.session.output.outbox import Outbox

PRESSED = 64  # a switch is down from this value on


class LearnedControls:
    """learned: control name → action. learning: the action that the next control will do, "" for none."""

    def __init__(self, learned: Mapping[str, str], outbox: Outbox) -> None:
        self._outbox = outbox
        self._pressed: set[str] = set()
        self.learned = dict(learned)
        self.learning = ""
        self.newest = ""  # the control that was bound last

    def learn(self, action: str) -> None:
        """The next control that moves will do this; "" forgets the wish."""
        self.learning = action

    def bind(self, learned: Mapping[str, str]) -> None:
        """Bind these switches and no others."""
        self.learned = dict(learned)

    def forget(self, control: str) -> bool:
        """Unbind a control. Returns whether it was bound."""
        known = control in self.learned
        self.learned = {key: action for key, action in self.learned.items() if key != control}
        return known

    def take(self, message: ChannelMessage) -> tuple[bool, str]:
        """(whether this is a control's message and nothing else, the action that it does now or ""); actions run on the way down."""
        if not self.learned and not self.learning:
            return False, ""
        name = switch_name(message)
        if name is None:
            return False, ""
        only_pressed = isinstance(message, ProgramChange)  # nothing tells that it is let go
        down = only_pressed or isinstance(message, NoteOn)
        down = down or (isinstance(message, ControlChange) and message.value >= PRESSED)
        if self.learning and down:
            self._bind(name)
            if not only_pressed:
                self._pressed.add(name)
            return True, ""
        action = self.learned.get(name)
        if action is None:
            return False, ""
        if only_pressed:
            return True, action
        if down and name not in self._pressed:
            self._pressed.add(name)
            return True, action
        if not down:
            self._pressed.discard(name)
        return True, ""

    def _bind(self, name: str) -> None:
        action, self.learning, self.newest = self.learning, "", name
        self.learned = {key: value for key, value in self.learned.items() if value != action} | {name: action}
        self._outbox.emit(Learned(name, action, dict(self.learned)))
