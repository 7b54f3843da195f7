"""The events that come from the engine. A module of its own: the engine's process needs these and no commands."""

from __future__ import annotations

from dataclasses import dataclass

from companion.music import Note, TimeSignature


@dataclass(frozen=True, slots=True)
class CheckpointInfo:
    """What the loaded checkpoint can do (read from its encoder config) and which engine runs it.

    chord_guide: it was trained with chord guides (`companion.harmony.guide`), so a job's guide can be put into its prompt.
    genres: the genres that a piece can be given. switches: "velocity" and "microtiming", if the model can do without them.
    unknown_controls: controls of its encoder that this version does not know.
    place: where it runs: "" for this machine, or the host of an engine on another one. round_trip_seconds: the time to there and back.
    """

    name: str
    engine: str
    num_bars_map: tuple[int, ...]
    mask_modes: tuple[str, ...]
    microtiming: bool
    velocity_levels: int
    resolution: int
    time_signatures: tuple[TimeSignature, ...]
    attributes: tuple[str, ...]
    parameters: int = 0
    n_positions: int = 2048
    chord_guide: bool = False
    genres: tuple[str, ...] = ()
    switches: tuple[str, ...] = ()
    unknown_controls: tuple[str, ...] = ()
    place: str = ""
    round_trip_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class LoadedSize:
    """One size of a checkpoint that the engine holds. warm_seconds: measured one-bar generation times by model_dim."""

    checkpoint: CheckpointInfo
    warm_seconds: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class EngineReady:
    """The engine has loaded a checkpoint. warm_seconds: measured one-bar generation times by model_dim, to start from.

    smaller: further sizes of the same checkpoint, largest first. A job names the size that is to write it.
    remarks: what the player should know about the sizes, one line each.
    joined: a larger size has joined the sizes that were ready before, and requests under way go on. A size on another machine
    comes first, whatever its number of parameters.
    """

    checkpoint: CheckpointInfo
    warm_seconds: tuple[tuple[int, float], ...] = ()
    smaller: tuple[LoadedSize, ...] = ()
    remarks: tuple[str, ...] = ()
    joined: bool = False

    @property
    def sizes(self) -> tuple[LoadedSize, ...]:
        """All sizes, largest first."""
        return (LoadedSize(self.checkpoint, self.warm_seconds), *self.smaller)


@dataclass(frozen=True, slots=True)
class EngineLost:
    """The engine process died or stopped answering; it is being restarted."""

    reason: str


@dataclass(frozen=True, slots=True)
class SizeLost:
    """A size that ran on another machine is out of reach; the other sizes go on. name: as in `CheckpointInfo.name`.

    reason: a few words for the screen. The size may join again (EngineReady).
    """

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class LoadFailed:
    """Another checkpoint could not be loaded, and the one that wrote before goes on. reason: one line."""

    checkpoint: str
    reason: str


@dataclass(frozen=True, slots=True)
class NoteGenerated:
    """One note of request `request_id`, which has just been decoded.

    track and bar are the *session's* lane and bar: `job.tracks[window_track]` and `job.first_bar + window_bar`.
    """

    request_id: int
    track: int
    bar: int
    note: Note  # at the window's resolution (480), onset from the bar line
    take: int = 0


@dataclass(frozen=True, slots=True)
class BarGenerated:
    """All notes of (lane, session bar) have been sent; a bar without notes sends only this."""

    request_id: int
    track: int
    bar: int
    take: int = 0


@dataclass(frozen=True, slots=True)
class GenerationFinished:
    """The request is complete. Times in seconds, measured in the engine; first_note may be None for rests."""

    request_id: int
    seconds: float
    prefill_seconds: float = 0.0
    first_note_seconds: float | None = None
    tokens: int = 0
    reused_tokens: int = 0


@dataclass(frozen=True, slots=True)
class GenerationFailed:
    """The request could not be served; `reason` is one line for the screen."""

    request_id: int
    reason: str


EngineEvent = (
    EngineReady
    | EngineLost
    | LoadFailed
    | SizeLost
    | NoteGenerated
    | BarGenerated
    | GenerationFinished
    | GenerationFailed
)
