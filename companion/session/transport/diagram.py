"""The state tables of transport and clock as a page with diagrams.

python -m companion.session.transport.diagram > docs/transport-states.md
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

from companion.session.timing.external_clock import TRANSITIONS as CLOCK_TRANSITIONS
from companion.session.transport.states import TRANSITIONS, State

PAGE = """# The states of transport and clock

This page is made from the tables in the code (`python -m companion.session.transport.diagram`); a test keeps it up to date.

## Transport

What the music does (`companion/session/transport/states.py`). Nothing but these transitions can happen.

{transport}

## The master's clock

How we follow somebody else's MIDI clock (`companion/session/timing/external_clock.py`).

{clock}
"""


def mermaid(transitions: Mapping[tuple[Any, Any], Any], first: Any) -> str:
    """A table {(state, event): next state} as a Mermaid state diagram; events between the same two states share an arrow."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for (state, event), following in transitions.items():
        arrows.setdefault((_name(state), _name(following)), []).append(_name(event))
    lines = ["stateDiagram-v2", *_declared(transitions, first), f"    [*] --> {_key(_name(first))}"]
    lines += [f"    {_key(start)} --> {_key(end)}: {', '.join(events)}" for (start, end), events in arrows.items()]
    return "\n".join(["```mermaid", *lines, "```"])


def page() -> str:
    """The whole page."""
    return PAGE.format(transport=mermaid(TRANSITIONS, State.FRESH), clock=mermaid(CLOCK_TRANSITIONS, "stopped"))


def _declared(transitions: Mapping[tuple[Any, Any], Any], first: Any) -> Iterable[str]:
    names = dict.fromkeys([_name(first), *(_name(state) for state, _ in transitions)])
    return (f'    state "{name}" as {_key(name)}' for name in names)


def _name(value: Any) -> str:
    return str(value.value if isinstance(value, Enum) else value)


def _key(name: str) -> str:
    return re.sub(r"\W", "_", name)


if __name__ == "__main__":
    print(page(), end="")
