"""The effects that a session produces. `Session.effects()` drains them in order; the runtime carries them out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from companion.harmony.spans import ChordSpan
from companion.midi.messages import Message
from companion.music import Note, Score
from companion.session.api.settings import ModelSettings, Sampling, SessionSettings


@dataclass(frozen=True, slots=True)
class SendMidi:
    """Send now. `due_seconds` is when the message should leave (equal to or a little before now; late = now - due_seconds).

    port "" is the default output. source: the lane's index, or -1 (clock, click, thru, panic).
    position_beats: the musical position of the message (quarter notes since the start), if it has one. An outside observer
    uses it to compare the moment of sending with the true clock.
    """

    port: str
    message: Message
    due_seconds: float
    source: int = -1
    position_beats: float | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One generation: `window` holds exactly model_dim bars at resolution 480; cells are (track, bar) *within the window*.

    Hidden cells are the human's unplayed bars and other unknown bars.
    first_bar: the session's bar number of window bar 0. tracks: the lane of each window track.
    attributes: one mapping per window track, which holds only the attributes that are set.
    expected: [12] beats for which the hidden parts are expected to sound each pitch class in the target bar; () = not known.

    chords: the chords of the target bar, in order; None if they are not known.
    guide: the notes of these chords (`harmony.guide`, 480 ticks a quarter, from the bar line). It is () for N.C. It is None if the
    chord is not known; the prompt then has no guide track.
    chord_tracks: window tracks that are never heard and only show the chords, such as a chart's comping. They are left out of
    the prompt if a guide is used.
    forced: lane → its own notes of the target bar before `from_beat` (quarter notes from the bar line). These notes stand; only
    the notes after them are written and returned. Without forced notes, from_beat is 0 and the whole bar is written.
    late: cells that became known last, besides the bars that are being played; nothing else in the prompt looks at them, so the
    rest of it is as it was when the bar was asked for. cache_set: which set of warm caches to use (0 or 1). Bars that follow each
    other use the two in turn where a bar may be rewritten, so that its caches outlive the prefill of the next one.
    ranked: whether the takes are candidates for each part. They then come back with the best first (take 0).
    size: the loaded size that is to write, by `CheckpointInfo.name`; "" for the largest.
    paces: lane → level of note density for a melodic part, where the player leads it. avoided: lane → the lowest and the highest
    pitch of the player's register, and how strongly the part stays away from it (0 to 1).
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
    late: tuple[tuple[int, int], ...] = ()
    cache_set: int = 0
    ranked: bool = False
    size: str = ""
    paces: Mapping[int, int] = field(default_factory=dict)
    avoided: Mapping[int, tuple[int, int, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Generate:
    """Start this job; notes come back as events with its request_id. deadline_seconds: after this the answer is useless."""

    job: Job
    deadline_seconds: float


@dataclass(frozen=True, slots=True)
class Prefill:
    """Read the known part of a coming job now, to save time at the request. Any later Prefill or Generate replaces it."""

    job: Job


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop this request within one token."""

    request_id: int


@dataclass(frozen=True, slots=True)
class LoadModel:
    """Let this checkpoint write. If another one writes, this one is loaded beside it, and the other goes on until it is ready.

    The answer is EngineReady, LoadFailed (the other one goes on) or EngineLost (there was none).
    """

    model: ModelSettings


@dataclass(frozen=True, slots=True)
class PrepareModel:
    """Load this checkpoint beside the one that writes, so that a LoadModel is answered at once. There is no answer."""

    model: ModelSettings


@dataclass(frozen=True, slots=True)
class AskClock:
    """Ask the shared clock that the session follows. value: the tempo in BPM, or the position in quarter notes from the start."""

    action: Literal["start", "stop", "tempo", "locate"]
    value: float = 0.0


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
class SnapshotsChanged:
    """The player has stored or removed a snapshot; the preset should remember them all."""

    stored: Mapping[str, SessionSettings]


@dataclass(frozen=True, slots=True)
class JudgedNote:
    """One note of a pass that was compared. bar (song bar, from 0), beat: where it is written, or where an extra note was played.

    pitch: the written pitch, None for an extra note. played: the pitch that was played, None for a missed note.
    A late note has a positive offset.
    """

    bar: int
    beat: float
    verdict: Literal["right", "wrong", "missed", "extra"]
    pitch: int | None = None
    played: int | None = None
    offset_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class PassFinished:
    """A pass through a song or loop has ended. notes: the comparison with the player's written part (empty without one)."""

    number: int
    tempo_factor: float
    transpose: int
    bars: tuple[int, int]
    notes: tuple[JudgedNote, ...] = ()


FrontEffect = Notice | Learned | PassFinished | SnapshotsChanged
Effect = SendMidi | AskClock | Generate | Prefill | Cancel | LoadModel | PrepareModel | FrontEffect
