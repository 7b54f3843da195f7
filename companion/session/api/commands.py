"""What a player can ask for: one frozen class for each command, and the registry of their names.

    Mute(track=1, on=True)                       from code
    command("mute", track=1, on=True)            from a name and keywords: logs, OSC
    command_of_action("mute:2")                  from a learned control, as presets write it

A command with wrong arguments cannot be made: all three raise CommandError with one line. The session checks what depends on the
state of the performance (no such track, nothing to undo) and answers with a notice.
Bars are session bars, counted from 0. Tracks are lanes, counted from 0. A switch (`on`) that is None toggles.
Commands for written music are in `song_commands`, and calls are in `calls`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from typing import Annotated, Any

from companion.errors import CommandError
from companion.session.api import calls, limits
from companion.session.api.command_base import Bar, Command, Refused, Switch, Track, spoken
from companion.session.api.settings import ClockSource, RewriteDial, Role, Sampling, TrackSettings
from companion.session.api.song_commands import (
    Answer as Answer,
)
from companion.session.api.song_commands import (
    LoopHere as LoopHere,
)
from companion.session.api.song_commands import (
    NextSection as NextSection,
)
from companion.session.api.song_commands import (
    SetChord as SetChord,
)
from companion.session.api.song_commands import (
    SetChordZone as SetChordZone,
)
from companion.session.api.song_commands import (
    SetLoop as SetLoop,
)
from companion.session.api.song_commands import (
    SetProgression as SetProgression,
)
from companion.session.api.song_commands import (
    Trade as Trade,
)
from companion.session.api.song_commands import (
    Transpose as Transpose,
)

# --- transport ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Start(Command):
    """Start from the beginning, with the count-in."""


@dataclass(frozen=True, slots=True)
class Continue(Command):
    """Go on from where the music rests."""


@dataclass(frozen=True, slots=True)
class Stop(Command):
    """Stop and rest here."""


@dataclass(frozen=True, slots=True)
class Toggle(Command):
    """Stop, or go on."""


@dataclass(frozen=True, slots=True)
class Seek(Command):
    """Go to a bar of the song or, without a song, to a bar counted from the start."""

    bar: Bar


@dataclass(frozen=True, slots=True)
class Tap(Command):
    """Tap one beat of the tempo."""


@dataclass(frozen=True, slots=True)
class SetTempo(Command):
    """Set the tempo. With a song, this changes the share of the written tempo."""

    bpm: Annotated[float, limits.BPM]


@dataclass(frozen=True, slots=True)
class SetTempoFactor(Command):
    """Set the share of the written tempo."""

    factor: Annotated[float, limits.TEMPO_FACTOR]


@dataclass(frozen=True, slots=True)
class SetTimeSignature(Command):
    """Set the meter, from the next undecided bar on."""

    numerator: Annotated[int, limits.METER_NUMERATOR]
    denominator: Annotated[int, limits.METER_DENOMINATOR]

    def __post_init__(self) -> None:
        Command.__post_init__(self)
        if self.denominator & (self.denominator - 1):
            raise CommandError("set time signature: the denominator must be a power of two")


@dataclass(frozen=True, slots=True)
class SetClockSource(Command):
    """Choose the clock. The music stops."""

    source: ClockSource


@dataclass(frozen=True, slots=True)
class Click(Command):
    """Switch the metronome."""

    on: Switch = None


@dataclass(frozen=True, slots=True)
class Wait(Command):
    """Let the companion rest for so many bars, from the next one on."""

    bars: Annotated[int, limits.WAIT_BARS]


# --- bars --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Regenerate(Command):
    """Write a coming bar again; None is the next bar."""

    bar: Bar | None = None


@dataclass(frozen=True, slots=True)
class Keep(Command):
    """Repeat a bar of our parts (None: the present bar) instead of generating.

    When practising, this keeps the generated bars from pass to pass.
    """

    on: Switch = None
    bar: Bar | None = None


@dataclass(frozen=True, slots=True)
class Lock(Command):
    """Keep a coming bar as planned; None is the next bar."""

    bar: Bar | None = None
    on: bool = True


@dataclass(frozen=True, slots=True)
class Undo(Command):
    """Undo the last regenerate or lock."""


# --- lanes -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Panic(Command):
    """Silence everything, on every channel used."""


@dataclass(frozen=True, slots=True)
class Mute(Command):
    """Silence a lane at once."""

    track: Track
    on: Switch = None


@dataclass(frozen=True, slots=True)
class Solo(Command):
    """Let only this lane and other soloed lanes sound."""

    track: Track
    on: Switch = None


@dataclass(frozen=True, slots=True)
class SetProgram(Command):
    """Choose another instrument, 0-127."""

    track: Track
    program: Annotated[int, limits.PROGRAM]


@dataclass(frozen=True, slots=True)
class SetAttribute(Command):
    """Set a control of the model for one lane; None lets the model decide."""

    track: Track
    name: str
    level: Annotated[int, limits.LEVEL] | None = None


@dataclass(frozen=True, slots=True)
class SetRole(Command):
    """Give a lane another role."""

    track: Track
    role: Role


@dataclass(frozen=True, slots=True)
class AddTrack(Command):
    """Add a lane."""

    settings: TrackSettings


@dataclass(frozen=True, slots=True)
class RemoveTrack(Command):
    """Remove a lane. The others keep their numbers."""

    track: Track


# --- the model ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SetSampling(Command):
    """Change fields of Sampling; None leaves a field as it is."""

    temperature: Annotated[float, limits.TEMPERATURE] | None = None
    top_p: Annotated[float, limits.TOP_P] | None = None
    top_k: Annotated[int, limits.TOP_K] | None = None
    mask_p: Annotated[float, limits.MASK_P] | None = None
    mask_k: Annotated[int, limits.MASK_K] | None = None
    polyphony_hard_limit: Annotated[int, limits.POLYPHONY_LIMIT] | None = None
    density_hard_limit: Annotated[int, limits.DENSITY_LIMIT] | None = None
    allow_rests: bool | None = None
    harmony: Annotated[float, limits.HARMONY] | None = None
    variety: Annotated[float, limits.VARIETY] | None = None
    genre: str | None = None
    human: Annotated[int, limits.HUMAN] | None = None


@dataclass(frozen=True, slots=True)
class SetModel(Command):
    """Change fields of ModelSettings; None leaves a field as it is.

    Another checkpoint or engine is loaded while the music goes on.
    """

    checkpoint: str | None = None
    engine: Annotated[str, limits.ENGINES] | None = None
    model_dim: Annotated[int, limits.MODEL_DIM] | None = None
    mask_mode: Annotated[str, limits.MASK_MODES] | None = None
    sampling: Sampling | None = None
    seed: Annotated[int, limits.SEED] | None = None
    takes: Annotated[int, limits.TAKES] | None = None


@dataclass(frozen=True, slots=True)
class SetRewriting(Command):
    """Set how finely the sounding bar is rewritten when the player contradicts it."""

    dial: RewriteDial


# --- the rest ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Thru(Command):
    """Set whether incoming notes are passed on to the output."""

    on: Switch = None


@dataclass(frozen=True, slots=True)
class SetLatency(Command):
    """Set the latency of an output port ("" is the default output). With a positive latency, messages are sent earlier."""

    port: str
    seconds: Annotated[float, limits.LATENCY_SECONDS]


@dataclass(frozen=True, slots=True)
class Learn(Command):
    """Bind this action ("keep", "mute:2") to the next control that moves; "" cancels."""

    action: str

    def __post_init__(self) -> None:
        Command.__post_init__(self)
        if self.action:
            command_of_action(self.action)


@dataclass(frozen=True, slots=True)
class Record(Command):
    """Begin or end a take."""

    on: Switch = None


# --- names -------------------------------------------------------------------------------------------------------------


COMMANDS: dict[str, type[Command]] = {
    kind.command_name: kind
    for kind in (*list(globals().values()), *vars(calls).values())
    if isinstance(kind, type) and issubclass(kind, Command) and kind not in (Command, Refused)
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
    """Make a command from a learned action: its name, with a track if it needs one ("keep", "mute:2"). Raises CommandError."""
    name, _, number = action.partition(":")
    return command(name, **({"track": int(number)} if number.isdecimal() else {}))


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
