"""The knobs on the screen: which one turns a dial, which way to turn it until the dial follows, and the keys that change it. Pure."""

from __future__ import annotations

from companion.session.api import limits
from companion.session.api.commands import Command, command
from companion.session.api.dials import DIALS
from companion.session.api.settings import Knob
from companion.session.api.snapshot import KnobView, Snapshot
from companion.session.dials.curves import value_at

HINT = "knob: n learn  ( ) ends here  r reverse  c curve  p pick-up  x forget"


def knob_of(snapshot: Snapshot, dial: str, track: int | None) -> KnobView | None:
    """The knob that turns a dial."""
    return next((view for view in snapshot.knobs if (view.knob.dial, view.knob.track) == (dial, track)), None)


def short_words(view: KnobView, value: float | None) -> str:
    """A knob's label beside its dial: "CC 74", and an arrow in which direction to turn it until the dial follows."""
    kind, _, _ = view.knob.control.partition("@")
    kind, _, number = kind.partition(":")
    label = {"cc": f"CC {number}", "cc14": f"CC {number}", "bend": "wheel", "pressure": "pressure", "pc": "program"}[
        kind
    ]
    if not view.waits or view.place is None or value is None:
        return label
    below = value_at(view.knob, view.place) < value
    rising = view.knob.high >= view.knob.low
    return f"{label} {'↑' if below == rising else '↓'}"


def range_words(knob: Knob) -> str:
    """A knob's range, curve and take-over: "0 to 100, linear, picks up"."""
    take_over = "picks up" if knob.pickup else "jumps"
    return f"{knob.low:g} to {knob.high:g}, {knob.curve}, {take_over}"


def learn(dial: str, track: int | None) -> list[Command]:
    """The command that binds the next knob to a dial."""
    return [command("learn_dial", dial=dial, track=track)] if dial in DIALS else []


def change(view: KnobView | None, key: str, value: float | None) -> list[Command]:
    """The command behind a key. value: what the dial stands at. Empty if the dial has no knob, or if the key needs a value."""
    if view is None:
        return []
    knob = view.knob
    if key == "forget":
        return [command("forget_control", control=knob.control)]
    changes: dict[str, object] = {
        "reverse": {"low": knob.high, "high": knob.low},
        "curve": {"curve": limits.CURVES[(limits.CURVES.index(knob.curve) + 1) % len(limits.CURVES)]},
        "pickup": {"pickup": not knob.pickup},
        "low": None if value is None else {"low": value},
        "high": None if value is None else {"high": value},
    }
    wanted = changes[key]
    return [command("set_knob", control=knob.control, **wanted)] if isinstance(wanted, dict) else []
