"""Suggestions after the demo, for the devices of this machine. Pure, except for `next_steps_here`, which looks at the devices."""

from __future__ import annotations

from collections.abc import Sequence


def next_steps(inputs: Sequence[str], *, audio: bool) -> list[str]:
    """Lines for a newcomer. inputs: MIDI inputs that a player may use. audio: whether there is an audio device."""
    steps = [("companion practice blues", "bass, drums and comping over a twelve-bar blues")]
    if inputs:
        steps.insert(0, (f'companion jam --in "{inputs[0]}"', "you play, the companion joins in"))
    else:
        steps.insert(0, ("companion jam", "no MIDI keyboard is connected: press K and play on this one"))
    if not audio:
        words = "no audio device was found: this makes a file to listen to"
        steps.append(("companion demo --headless --wav demo.wav", words))
    width = max(len(command) for command, _ in steps)
    return ["go on:", *(f"  {command:<{width}}  {words}" for command, words in steps)]


def next_steps_here() -> list[str]:
    """The same for this machine."""
    from companion.errors import PortError
    from companion.midi.port_lists import list_ports
    from companion.midi.ports import is_real, stable_name
    from companion.sound.players.servers import may_sound

    try:
        inputs = [stable_name(name) for name in list_ports().names("in") if is_real(name)]
    except PortError:
        inputs = []
    return next_steps(inputs, audio=may_sound())
