"""A frozen picture of the session for a screen or a headless runner. It is cheap to make and to send."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from companion.harmony.spans import ChordSpan
from companion.music import Note, TimeSignature
from companion.session.api.engine_events import CheckpointInfo
from companion.session.api.settings import ChordZone, Knob, ModelSettings, RewriteDial, Role, Zone

ClockState = Literal["stopped", "armed", "running", "lost"]
BarState = Literal["played", "committed", "tentative", "hidden", "empty"]
# played: history. committed: will sound as shown. tentative: may still change. hidden: the human's bars to come.
Ladder = Literal["fresh", "older", "variation", "rest", "kept", "written", "human", "call", ""]


@dataclass(frozen=True, slots=True)
class BarView:
    """One cell of the roll. Note onsets and durations in ticks at 480 a quarter from this bar's line.

    rewritten_from: the beat (quarter notes) from which the bar was rewritten while it sounded; None if it was not.
    take: (which take it is, of how many), counted from 1; None where there is nothing to choose from.
    """

    bar: int
    state: BarState
    origin: Ladder = ""
    notes: tuple[Note, ...] = ()
    locked: bool = False
    rewritten_from: float | None = None
    take: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class CallView:
    """A call that waits or is under way, from a session bar and position (beats) on. last_bar: None = until it is cancelled."""

    kind: str
    first_bar: int
    start_beats: float
    last_bar: int | None


@dataclass(frozen=True, slots=True)
class BarPlace:
    """A bar on screen: its number in the song (or since the start, from 0) and its meter."""

    bar: int
    song_bar: int
    time_signature: TimeSignature


@dataclass(frozen=True, slots=True)
class LaneView:
    """One track: its properties, and its bars around the present (oldest first)."""

    index: int
    name: str
    role: Role
    program: int
    is_drum: bool
    channel: int | None
    muted: bool
    solo: bool
    bars: tuple[BarView, ...]
    attributes: Mapping[str, int] = field(default_factory=dict)
    sounding: tuple[int, ...] = ()
    volume: int | None = None  # 0-127; None: as the synthesizer has it
    pan: int | None = None


@dataclass(frozen=True, slots=True)
class TransportView:
    """The position. beat counts from 0 within the bar, in quarter notes. Phase errors are in seconds.

    bar: the session's bar, counted through every start, seek and loop pass since the session began, as in `BarView.bar`.
    song_bar: the bar that a player would name: counted since the last start, or from the master's song position or the loop.
    """

    source: str
    state: ClockState
    bpm: float
    bar: int
    beat: float
    position_beats: float
    time_signature: TimeSignature
    jitter_seconds: float = 0.0
    counting_in: bool = False
    song_bar: int = 0


@dataclass(frozen=True, slots=True)
class GenerationView:
    """The state of generation. Times are in seconds over the recent requests. bars_by_step counts the companion bars started so far.

    mask_mode: the mode in use. If "auto" was chosen, it is set once the checkpoint is known.
    why_this_size: why this one of several loaded sizes writes, "" if there is only one.
    """

    state: Literal["no engine", "loading", "idle", "prefilling", "generating"]
    bars: int = 0
    bars_fresh: int = 0
    bars_by_step: Mapping[str, int] = field(default_factory=dict)
    p50_seconds: float = 0.0
    p99_seconds: float = 0.0
    first_note_p50_seconds: float = 0.0
    last_seconds: float = 0.0
    lead_seconds: float = 0.0
    model_dim: int = 0
    mask_mode: str = ""
    late_notes_dropped: int = 0
    advice: str = ""
    why_this_size: str = ""


@dataclass(frozen=True, slots=True)
class PracticeView:
    """The state of a practice session; bars count from 0. accuracy: of the last full pass, 0 to 1. live: of the current pass."""

    title: str
    bar_count: int
    pass_number: int
    tempo_factor: float
    loop: tuple[int, int] | None
    sections: tuple[tuple[int, str], ...] = ()
    chords: tuple[tuple[int, float, str], ...] = ()
    song_bar: int = 0
    transpose: int = 0
    accuracy: float | None = None
    live_accuracy: float | None = None
    right: int = 0
    wrong: int = 0
    missed: int = 0
    extra: int = 0
    mean_offset_ms: float = 0.0
    turn: str = ""  # trading: "player" or "companion"
    judged_part: str = ""  # the written part that the player is compared with, "" = none


@dataclass(frozen=True, slots=True)
class SetListView:
    """The entry of the set list that is on. number: from 0. following: the next entry's title, "" after the last."""

    number: int
    count: int
    title: str
    notes: tuple[str, ...] = ()
    following: str = ""


@dataclass(frozen=True, slots=True)
class BarChords:
    """The chords of one session bar."""

    bar: int
    spans: tuple[ChordSpan, ...]


@dataclass(frozen=True, slots=True)
class ChordsView:
    """The chords of the bars on screen, as far as they are known, and where they come from.

    key: the players' key, as charts write it, "" = not known. progression: as typed, "" = none is played.
    progression_bars: its length. progression_start: the song bar (from 0) in which it began.
    """

    bars: tuple[BarChords, ...] = ()
    key: str = ""
    progression: str = ""
    loop: bool = True
    zones: tuple[ChordZone, ...] = ()
    progression_bars: int = 0
    progression_start: int = 0


@dataclass(frozen=True, slots=True)
class KnobView:
    """A learned knob. place: where it is, 0 to 1, None until it moves. waits: its dial stands elsewhere and is to be picked up."""

    knob: Knob
    place: float | None = None
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole picture at `now_seconds`."""

    now_seconds: float
    transport: TransportView
    lanes: tuple[LaneView, ...]
    generation: GenerationView
    model: ModelSettings
    bars: tuple[BarPlace, ...] = ()  # all bars that lanes show, oldest first
    checkpoint: CheckpointInfo | None = None
    counters: Mapping[str, int] = field(default_factory=dict)
    # counters: notes_in, notes_out, hanging_notes, malformed, unpaired_offs, doubled_ons, stale_answers, missed_ticks …
    ports: Mapping[str, bool] = field(default_factory=dict)  # "in:NAME" or "out:NAME" → connected
    practice: PracticeView | None = None
    learning: str = ""  # an action, or "dial:NAME", or "dial:NAME:TRACK"
    learned: Mapping[str, str] = field(default_factory=dict)  # switches: control → action
    knobs: tuple[KnobView, ...] = ()
    zones: tuple[Zone, ...] = ()
    recording: bool = False
    thru: bool = False
    click: bool = False
    wait_bars: int = 0
    seed: int = 0
    trade_bars: int = 0
    answer: bool = False
    turn: str = ""  # whose turn it is in trading or answering: "player" or "companion"
    calls: tuple[CallView, ...] = ()
    intensity: int = 50
    follow_dynamics: float = 0.0
    follow_density: float = 0.0
    stay_out_of_register: float = 0.0
    kept_bar: int | None = None  # the bar of our parts that is repeated instead of generating
    chords: ChordsView = ChordsView()
    rewrite: RewriteDial = "never"
    entry_bar: int = 0  # the first bar in which the companion may play
    stored: tuple[str, ...] = ()  # names of the player's snapshots of everything that is set
    newest_stored: str = ""  # the one that was stored or recalled last
    set_list: SetListView | None = None
    intro_bars: int = 0  # before the first bar of the next start
