"""Learned knobs: controllers, pressure, the pitch wheel and program changes that turn dials.

With pick-up (soft take-over), a dial that stands elsewhere stays there until the knob comes near or passes its value; from then on the
dial follows, until something else moves it. A dial outside the knob's range is picked up at the nearer end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from companion.errors import UsageError
from companion.midi.messages import ChannelMessage, ControlChange, PitchBend, Pressure, ProgramChange
from companion.session.api.command_base import Command
from companion.session.api.control_commands import SetKnob
from companion.session.api.control_names import PAIRED, control_words, knob_name
from companion.session.api.dials import check_knob, dial_named, usual_knob
from companion.session.api.settings import Knob
from companion.session.api.snapshot import KnobView
from companion.session.dials.curves import settled, value_at
from companion.session.dials.values import DialValues
from companion.session.output.outbox import Outbox

NEAR = 2 / 127  # of the knob's way: this close to the dial's value, it is picked up
MOVED = 3 / 127  # of its way that a knob must move before a dial is bound to it: others may tremble unasked


@dataclass(frozen=True, slots=True)
class Stand:
    """Where a knob is. place: 0 to 1, None until it moves. coarse: the upper 7 bits of a pair. left_at: the value that it set last."""

    place: float | None = None
    coarse: int = 0
    left_at: float | None = None


class Knobs:
    """The knobs by control name. learning: (dial, track) that the next knob turns, None for none."""

    def __init__(self, knobs: Iterable[Knob], values: DialValues, outbox: Outbox) -> None:
        self._values, self._outbox = values, outbox
        self._knobs: dict[str, Knob] = {}
        self._stands: dict[str, Stand] = {}
        self._messages: dict[str, str] = {}  # the name of a message's control → the name of the knob
        self._seen: dict[str, float] = {}  # while learning: where each control was first
        self._fine_half = ""  # the control that would make the knob learned last a pair
        self.learning: tuple[str, int | None] | None = None
        self.bind(knobs)

    @property
    def knobs(self) -> tuple[Knob, ...]:
        """All knobs."""
        return tuple(self._knobs.values())

    @property
    def messages(self) -> Mapping[str, str]:
        """The name of each message that belongs to a knob → the knob's name. A pair of controllers has two."""
        return self._messages

    # -- what is learned ----------------------------------------------------------------------------------------------

    def learn(self, dial: str, track: int | None) -> None:
        """The next knob that moves turns this dial; "" forgets the wish. Raises UsageError for a part that is not there."""
        self._seen.clear()
        self._fine_half = ""
        self.learning = (dial, track) if dial else None

    def bind(self, knobs: Iterable[Knob]) -> None:
        """Bind these knobs and no others. Raises UsageError for one that cannot be."""
        wanted = {knob.control: knob for knob in knobs}
        for control, knob in wanted.items():
            check_knob(knob)
            if self._knobs.get(control) != knob:
                self._stands.pop(control, None)
        self._knobs = wanted
        self._index()

    def change(self, wish: SetKnob) -> None:
        """Change a knob's range, curve or pick-up. Raises UsageError."""
        knob = self._knobs.get(wish.control)
        if knob is None:
            raise UsageError(f"{control_words(wish.control)} turns no dial")
        fields = {"low": wish.low, "high": wish.high, "curve": wish.curve, "pickup": wish.pickup}
        changed = replace(knob, **{name: value for name, value in fields.items() if value is not None})
        check_knob(changed)
        self._knobs[wish.control] = changed
        self._stands.pop(wish.control, None)

    def forget(self, control: str) -> bool:
        """Unbind a control. Returns whether it was bound."""
        control = self._messages.get(control, control)
        known = self._knobs.pop(control, None) is not None
        self._stands.pop(control, None)
        self._index()
        return known

    def _index(self) -> None:
        self._messages = {}
        for name in self._knobs:
            self._messages[name] = name
            if name.startswith("cc14:"):
                number, channel = name.removeprefix("cc14:").split("@")
                del self._messages[name]
                self._messages |= {f"cc:{int(number) + half}@{channel}": name for half in (0, PAIRED)}

    # -- what moves ---------------------------------------------------------------------------------------------------

    def take(self, message: ChannelMessage) -> tuple[bool, Command | None, str]:
        """Return (whether this is a knob's message and nothing else, what it asks for now, the control that it has just bound)."""
        if not self._knobs and self.learning is None:
            return False, None, ""
        name = knob_name(message)
        if name is None:
            return False, None, ""
        if self.learning is not None:
            return self._offer(name, message)
        if name == self._fine_half:
            self._pair(name)
        elif self._fine_half and name.startswith("cc:") and name not in self._messages:
            self._fine_half = ""
        control = self._messages.get(name)
        if control is None:
            return False, None, ""
        return True, self._turned(self._knobs[control], message), ""

    def _offer(self, name: str, message: ChannelMessage) -> tuple[bool, Command | None, str]:
        """While a dial is being learned: bind it once the control has really moved."""
        place = _place(message)
        first = self._seen.setdefault(name, place)
        if self.learning is None or (abs(place - first) < MOVED and not isinstance(message, ProgramChange)):
            return True, None, ""
        (dial, track), self.learning = self.learning, None
        control = self._messages.get(name, name)
        for other in [other for other, knob in self._knobs.items() if (knob.dial, knob.track) == (dial, track)]:
            self.forget(other)
        self.forget(control)
        knob = self._knobs[control] = usual_knob(control, dial, track)
        self._stands[control] = Stand(first)
        self._index()
        if isinstance(message, ControlChange) and message.controller < PAIRED and control == name:
            self._fine_half = f"cc:{message.controller + PAIRED}@{message.channel}"
        title = dial_named(dial, track).title
        self._outbox.notice(f"{control_words(control)} now turns {title}{_of_part(track)}: S keeps it in a preset")
        return True, self._turned(knob, message), control

    def _pair(self, fine: str) -> None:
        """The control behind the one just learned has moved: both are one knob of 14 bits."""
        number, channel = fine.removeprefix("cc:").split("@")
        coarse = f"cc:{int(number) - PAIRED}@{channel}"
        self._fine_half = ""
        if (knob := self._knobs.pop(coarse, None)) is not None:
            control = f"cc14:{int(number) - PAIRED}@{channel}"
            self._knobs[control] = replace(knob, control=control)
            stand = self._stands.pop(coarse, Stand())
            self._stands[control] = replace(stand, coarse=round((stand.place or 0.0) * 127))
            self._index()

    def _turned(self, knob: Knob, message: ChannelMessage) -> Command | None:
        before = self._stands.get(knob.control, Stand())
        place, coarse = self._place_of(knob, message, before)
        present = self._values.value(knob.dial, knob.track)
        dial = dial_named(knob.dial, knob.track)
        if not self._follows(knob, before, place, present):
            self._stands[knob.control] = Stand(place, coarse, None)
            return None
        value = settled(dial, value_at(knob, place), present)
        self._stands[knob.control] = Stand(place, coarse, value)
        if value == present:
            return None
        return dial.make(value, -1 if knob.track is None else knob.track)

    def _follows(self, knob: Knob, before: Stand, place: float, present: float | None) -> bool:
        """Whether the dial follows the knob now."""
        if not knob.pickup or present is None or present == before.left_at:
            return True
        dial = dial_named(knob.dial, knob.track)
        target = min(max(present, min(knob.low, knob.high)), max(knob.low, knob.high))
        reach = 0.5 if dial.stepped else 0.0
        ends = [value_at(knob, place - NEAR), value_at(knob, place + NEAR)]
        if before.place is not None:
            ends.append(value_at(knob, before.place))
        return min(ends) - reach <= target <= max(ends) + reach

    def _place_of(self, knob: Knob, message: ChannelMessage, before: Stand) -> tuple[float, int]:
        """(place, upper 7 bits). The upper half of a pair sets the lower one to 0, as MIDI 1.0 has it."""
        if not (knob.control.startswith("cc14:") and isinstance(message, ControlChange)):
            return _place(message), 0
        fine = message.controller >= PAIRED
        coarse = before.coarse if fine else message.value
        return (coarse * 128 + (message.value if fine else 0)) / 16383, coarse

    # -- for the screen -----------------------------------------------------------------------------------------------

    def view(self) -> tuple[KnobView, ...]:
        """All knobs, where each is, and whether its dial waits to be picked up."""
        return tuple(self._view(knob) for knob in self._knobs.values())

    def _view(self, knob: Knob) -> KnobView:
        stand = self._stands.get(knob.control, Stand())
        present = self._values.value(knob.dial, knob.track)
        waits = knob.pickup and stand.place is not None and present not in (None, stand.left_at)
        return KnobView(knob, stand.place, waits)


def _place(message: ChannelMessage) -> float:
    """Where a control of 7 bits or the wheel is, from 0 to 1."""
    if isinstance(message, PitchBend):
        return (message.value + 8192) / 16383
    if isinstance(message, ProgramChange):
        return message.program / 127
    return message.value / 127 if isinstance(message, (ControlChange, Pressure)) else 0.0


def _of_part(track: int | None) -> str:
    return "" if track is None else f" of part {track + 1}"
