"""The settings of a session. They are plain values without files; `companion.config` makes them from presets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from companion.music import Score, TimeSignature

# external: MIDI clock. internal: our own. link: Ableton Link. jack: JACK transport.
ClockSource = Literal["external", "internal", "link", "jack"]
# Clocks that other programs share, and the names of the ports from which the session hears them.
SHARED_CLOCKS: Mapping[str, str] = MappingProxyType({"link": "Ableton Link", "jack": "JACK transport"})
Role = Literal["human", "companion", "backing", "silent"]
# human: what a player plays into us. companion: generated. backing: sounds as written in the song.
# silent: in the model's context, not heard (a chart's chords, the muted written part of "me").
# How finely the sounding bar is rewritten when the player contradicts it.
RewriteDial = Literal["never", "half bar", "beat"]
Curve = Literal["linear", "exponential", "s"]
REWRITE_DEFAULT: RewriteDial = "half bar"


@dataclass(frozen=True, slots=True)
class TrackSettings:
    """One lane of the session.

    A human lane receives from input_port ("" = any) and channel (0-15; None = any channel that no other lane claims).
    Any other lane sends to output_port ("" = the default output) and channel (0-15).
    attributes: control name → level, only for controls that are set, as in `companion.tokenizer.attributes`.
    song_track: index into the song's score, if any.
    volume, pan: MIDI controllers 7 and 10, 0-127 (pan 64 = middle); None leaves them to the synthesizer and the song.
    """

    name: str
    role: Role
    program: int = 0
    is_drum: bool = False
    channel: int | None = None
    input_port: str = ""
    output_port: str = ""
    attributes: Mapping[str, int] = field(default_factory=dict)
    muted: bool = False
    solo: bool = False
    song_track: int | None = None
    volume: int | None = None
    pan: int | None = None


@dataclass(frozen=True, slots=True)
class Knob:
    """A knob, pedal or wheel that turns a dial. control: its name, see `control_names`. dial, track: see `dials`.

    low, high: the dial's values at the knob's lower and upper end; low may be the larger. curve: see `companion.session.dials.curves`.
    pickup: the dial does not jump; it follows once the knob has come to its value (soft take-over).
    """

    control: str
    dial: str
    track: int | None = None
    low: float = 0.0
    high: float = 1.0
    curve: Curve = "linear"
    pickup: bool = True


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn. The fields have the meaning and order of `companion.inference.decoding.sampling`.

    harmony: how strongly notes lean towards the chord at their onset or, where no chord is known, towards the pitch classes
    that the player and the song sound around the bar; 0 = off. The default is measured, see docs/practice.md.
    variety: how strongly a part leaves a note it has stayed on for bars; 0 = off.
    genre: one of the checkpoint's genres, "" for none. human: 2 = loudness and timing like a player's, 1 = only loudness, 0 = even
    and on the grid. A checkpoint without these controls plays as it always does.
    """

    temperature: float = 1.0
    top_p: float = 0.95
    top_k: int = 0
    mask_p: float = 0.0
    mask_k: int = 0
    polyphony_hard_limit: int = 0
    density_hard_limit: int = 0
    allow_rests: bool = True
    harmony: float = 0.5
    variety: float = 1.0
    genre: str = ""
    human: int = 2


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """The checkpoint and window. model_dim: 0 = the largest that the deadline rule allows. mask_mode: "auto" as in inference.

    takes: how many candidates of each part's bar to choose from, where there is time (`session.takes.policy`); 1 = no choice.
    """

    checkpoint: str = "yellow"
    engine: str = "auto"
    model_dim: int = 0
    mask_mode: str = "auto"
    sampling: Sampling = Sampling()
    seed: int = -1
    takes: int = 1


@dataclass(frozen=True, slots=True)
class ClockSettings:
    """The clock. count_in_bars and click apply to the internal clock and practice. The click is a drum note on `click_channel`."""

    source: ClockSource = "external"
    bpm: float = 120.0
    time_signature: TimeSignature = TimeSignature(4, 4)
    count_in_bars: int = 0
    click: bool = False
    click_channel: int = 9
    send_clock: bool = True  # as internal clock, also send start, stop and 24 ppqn to the output


@dataclass(frozen=True, slots=True)
class PartControls:
    """The written events, besides notes, of those tracks of a song that share a channel.

    parts: indices of the tracks. events: (beats from the song's beginning, kind, first data byte, second data byte), ascending;
    kind is a MIDI status without its channel (0xA0 key pressure, 0xB0 controller, 0xC0 program, 0xD0 pressure, 0xE0 bend).
    """

    parts: tuple[int, ...]
    events: tuple[tuple[float, int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Song:
    """Music known beforehand (practice). `score` holds every written track; meters are per bar.

    tempo_changes: (position in beats, BPM), ascending, first at 0. sections: (first bar, name). chords: (bar, beat, symbol).
    controls: see PartControls. sysex: (beats, bytes from F0 to F7), ascending.
    chords_heard: the chords were recognised from the notes, not written.
    """

    score: Score
    title: str = ""
    tempo_changes: tuple[tuple[float, float], ...] = ((0.0, 120.0),)
    sections: tuple[tuple[int, str], ...] = ()
    chords: tuple[tuple[int, float, str], ...] = ()
    controls: tuple[PartControls, ...] = ()
    sysex: tuple[tuple[float, tuple[int, ...]], ...] = ()
    chords_heard: bool = False


@dataclass(frozen=True, slots=True)
class ChordZone:
    """Keys `low` to `high` (0-127) of `port` ("" = any) that tell the companion which chord is meant.

    latched: the last chord stays when the keys come up. sounds: the keys are passed on to the output if thru is on.
    counts: the keys also count as played notes.
    """

    low: int = 0
    high: int = 52
    port: str = ""
    latched: bool = True
    sounds: bool = False
    counts: bool = False


@dataclass(frozen=True, slots=True)
class Zone:
    """Notes of a keyboard that play a part of the player's own, or that are only controls.

    low, high: keys, 0-127, both included; velocity_low, velocity_high: 1-127. channel: 0-15, None = any. port: part of its name.
    track: the human lane that plays, None = the one that would play without a zone. Its channel is where the notes pass through to.
    controls: the notes neither sound nor count; those that were learned do their action. thru: None = as all other notes.
    transpose: semitones.
    """

    name: str
    low: int = 0
    high: int = 127
    track: int | None = None
    controls: bool = False
    thru: bool | None = None
    transpose: int = 0
    channel: int | None = None
    velocity_low: int = 1
    velocity_high: int = 127
    port: str = ""


@dataclass(frozen=True, slots=True)
class ChordSettings:
    """Where chords come from. progression: as typed, in the signs of charts ("" = listen). loop: whether the progression repeats.

    threshold: an expected chord with less confidence than this counts as not known. The default is measured: a wrong guide costs
    less than a true one gains, see docs/evaluation.md.
    """

    progression: str = ""
    loop: bool = True
    zones: tuple[ChordZone, ...] = ()
    threshold: float = 0.3


@dataclass(frozen=True, slots=True)
class PracticeSettings:
    """The loop as bars [start, end) counted from 0, the tempo trainer (start, end and step per pass), and the key step per pass."""

    tempo_factor: float = 1.0
    transpose: int = 0
    loop: tuple[int, int] | None = None
    trainer: tuple[float, float, float] | None = None
    trainer_needs_accuracy: float = 0.0  # share of right notes a pass needs before the tempo rises; 0 = always
    key_step: int = 0
    guide: bool = False
    keep_fills: bool = False


@dataclass(frozen=True, slots=True)
class TradingSettings:
    """How turns are taken. trade_bars: player and solo track take turns of this many bars (0 = no trading).

    answer: whether the solo track replies when the player rests at a bar line.
    """

    trade_bars: int = 0
    answer: bool = False
    solo_track: str = ""


@dataclass(frozen=True, slots=True)
class LeadingSettings:
    """How the band follows the player from the start. intensity: 0-100, 50 is neutral.

    follow_dynamics: 0 to 1. follow_density: -1 (fill my gaps) to 1 (as busy as I am). stay_out_of_register: 0 to 1.
    """

    intensity: int = 50
    follow_dynamics: float = 0.0
    follow_density: float = 0.0
    stay_out_of_register: float = 0.0


@dataclass(frozen=True, slots=True)
class SetEntry:
    """One entry of a set list. notes: what the player wants to be reminded of, one line each."""

    title: str
    settings: SessionSettings
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """Everything a session needs to start.

    snapshots: by name, what a player has stored. set_list: its entries; the session begins with the settings of entry `first_entry`.
    remarks: what the player should know at the beginning, one line each.
    """

    tracks: tuple[TrackSettings, ...]
    clock: ClockSettings = ClockSettings()
    model: ModelSettings = ModelSettings()
    wait_bars: int = 0  # the companion rests this many bars before it first enters
    lead_floor_seconds: float = 0.05
    lead_margin: float = 1.25  # times the measured p99
    thru: bool = False
    output_latency_seconds: Mapping[str, float] = field(default_factory=dict)  # by output port; positive = sent earlier
    input_latency_seconds: Mapping[str, float] = field(default_factory=dict)
    learned: Mapping[str, str] = field(default_factory=dict)  # "cc:64@0" or "note:36@9" → action
    knobs: tuple[Knob, ...] = ()
    zones: tuple[Zone, ...] = ()
    song: Song | None = None
    practice: PracticeSettings = PracticeSettings()
    trading: TradingSettings = TradingSettings()
    leading: LeadingSettings = LeadingSettings()
    chords: ChordSettings = ChordSettings()
    # Logs from before there was rewriting do not name it, so its default here must be "never"; presets have REWRITE_DEFAULT.
    rewrite: RewriteDial = "never"
    snapshots: Mapping[str, SessionSettings] = field(default_factory=dict)
    set_list: tuple[SetEntry, ...] = ()
    first_entry: int = 0
    intro_bars: int = 0  # bars of rhythm before the first bar of a start from the beginning
    remarks: tuple[str, ...] = ()
