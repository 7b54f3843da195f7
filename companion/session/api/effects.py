"""The effects that a session produces. `Session.effects()` drains them in order; the runtime carries them out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from companion.harmony.spans import ChordSpan
from companion.midi.messages import Message
from companion.music import Note, Score
from companion.session.api.settings import ModelSettings, Sampling


@dataclass(frozen=True, slots=True)
class SendMidi:
    """Send now. `due_seconds` is when it should leave (equal to or a little before now; late = now - due_seconds).

    port "" is the default output. source: the lane's index, or -1 (clock, click, thru, panic).
    position_beats: the musical position this belongs to (quarter notes since the start), where it has one; by it an
    outside observer compares the moment of sending with the true clock.
    """

    port: str
    message: Message
    due_seconds: float
    source: int = -1
    position_beats: float | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One generation: `window` holds exactly model_dim bars at resolution 480; cells are (track, bar) *within the window*.

    Hidden cells are the human's unplayed bars and whatever else is not known. first_bar maps window bar 0 to the session's
    bar count; tracks maps window tracks to lanes. attributes: one mapping per window track (only what is set). expected: [12]
    beats that each pitch class is expected to sound in the target bar by those whose bar is hidden; () = nobody can tell.

    chords: the chords of the target bar, in order; None where they are not known. guide: their notes (`harmony.guide`, 480
    ticks a quarter, from the bar line); None where the chord is not known, so that the prompt has no guide track; () for N.C.
    chord_tracks: window tracks that are never heard and only show the chords, such as a chart's comping; they leave the
    prompt where a guide is used.
    forced: lane → its own notes of the target bar before `from_beat` (quarter notes from the bar line), which stand;
    only what follows is written and answered with. Without them, from_beat is 0 and the whole bar is written.
    ranked: the takes are candidates for each part, and come back best first (take 0).
    size: the loaded size that is to write, by `CheckpointInfo.name`; "" for the largest.
    """

    request_id: int
    window: Score
    first_bar: int
    tracks: tuple[int, ...]
    targets: tuple[tuple[int, int], ...]
    hidden: tuple[tuple[int, int], ...]
    mask_mode: str
    sampling: Sampling
    seed: int
    takes: int = 1
    attributes: tuple[Mapping[str, int], ...] = ()
    expected: tuple[float, ...] = ()
    chords: tuple[ChordSpan, ...] | None = None
    guide: tuple[Note, ...] | None = None
    chord_tracks: tuple[int, ...] = ()
    forced: Mapping[int, tuple[Note, ...]] = field(default_factory=dict)
    from_beat: float = 0.0
    ranked: bool = False
    size: str = ""


@dataclass(frozen=True, slots=True)
class Generate:
    """Start this job; notes come back as events with its request_id. deadline_seconds: after this the answer is useless."""

    job: Job
    deadline_seconds: float


@dataclass(frozen=True, slots=True)
class Prefill:
    """Read the known part of a coming job now, so that less is left at request time. Replaced by any later Prefill/Generate."""

    job: Job


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop this request within one token."""

    request_id: int


@dataclass(frozen=True, slots=True)
class LoadModel:
    """Load another checkpoint; answers with EngineReady or EngineLost."""

    model: ModelSettings


@dataclass(frozen=True, slots=True)
class Notice:
    """One line for the player. level: "info", "warning" or "error"."""

    level: Literal["info", "warning", "error"]
    text: str


@dataclass(frozen=True, slots=True)
class Learned:
    """A control was bound to an action; the preset should remember it."""

    control: str
    action: str
    bindings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JudgedNote:
    """One note of a pass that was listened to. bar (song bar, from 0) and beat: where it is written, or fell if it is extra.

    pitch: as written, None for an extra note. played: the pitch that was played, None for a missed note. Late is positive.
    """

    bar: int
    beat: float
    verdict: Literal["right", "wrong", "missed", "extra"]
    pitch: int | None = None
    played: int | None = None
    offset_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class PassFinished:
    """A pass through a song or loop has ended; notes: what was heard of the player's written part (empty without one)."""

    number: int
    tempo_factor: float
    transpose: int
    bars: tuple[int, int]
    notes: tuple[JudgedNote, ...] = ()


Effect = SendMidi | Generate | Prefill | Cancel | LoadModel | Notice | Learned | PassFinished
