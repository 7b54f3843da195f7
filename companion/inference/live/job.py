"""A request of live play and its result, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from companion.harmony.spans import ChordSpan
from companion.inference.decoding.sampling import SamplingOptions
from companion.inference.requests.planner import Cell
from companion.inference.steering.register import Avoided
from companion.music.score import Note, Score
from companion.tokenizer import Style


@dataclass(frozen=True)
class LiveJob:
    """One request; tracks and bars count from 0 within the window, which has exactly model_dim bars.

    targets: bars to generate. hidden: bars that the model must not see (the player's future). growing: bars being played
    now, whose notes so far are shown. fresh: bars of other tracks that become known only just before the request.
    attributes: user levels by track, which the writing is steered to (`steering`). Per-bar levels apply to the target bars.
    Computed levels replace those that are not given. style: genre and switches. take_numbers start at first_take, so that
    further takes of the same job differ. ranked: each part's takes are candidates. They come back best first by the score of
    `live.choice`, and later parts hear the best one.

    chords: the chords of the target bar; None if unknown. guide: the same chords as notes (`harmony.guide`), at 480 ticks per
    quarter from the bar line. With None the prompt has no guide; with () the guide's bar is empty. A job with a guide has
    targets in one bar only. chord_tracks: window tracks that are never heard and only show the chords (a chart's comping).
    They are left out of the prompt when a guide is used.
    harmony: how strongly notes are pushed towards the chords. If these are unknown, the notes are pushed towards the pitch
    classes that the tracks without targets sound around the bar; see `steering.harmony`. expected: [12] beats for which the
    tracks whose bar is hidden will probably sound each pitch class in the target bar; () = unknown. variety: how strongly a
    track is pushed away from a pitch that it has repeated; see `steering.variety`.
    cache_set: which of the sets of warm caches the job uses, so that one bar's caches can outlive the prefill of the next.
    forced: track → its own notes of the target bar that stand, all before from_beat (quarter notes from the bar line). Only
    notes from there on are written, reported and returned; other parts are shown the whole bar.
    paces: track → level of note density that a melodic part is steered to. avoided: track → pitches that it is pushed away from,
    because the player plays there; see `steering.register`.
    """

    window: Score
    targets: tuple[Cell, ...]
    hidden: frozenset[Cell] = frozenset()
    growing: frozenset[Cell] = frozenset()
    fresh: frozenset[Cell] = frozenset()
    mask_mode: str = "auto"
    sampling: SamplingOptions = field(default_factory=SamplingOptions)
    attributes: Mapping[int, Mapping[str, int | None]] = field(default_factory=dict)
    style: Style = Style()
    seed: int = 0
    takes: int = 1
    first_take: int = 0
    ranked: bool = False
    allow_rests: bool = True
    polyphony_hard_limit: int = 0
    density_hard_limit: int = 0
    harmony: float = 0.0
    variety: float = 0.0
    expected: tuple[float, ...] = ()
    chords: tuple[ChordSpan, ...] | None = None
    guide: tuple[Note, ...] | None = None
    chord_tracks: frozenset[int] = frozenset()
    forced: Mapping[int, tuple[Note, ...]] = field(default_factory=dict)
    from_beat: float = 0.0
    paces: Mapping[int, int] = field(default_factory=dict)
    avoided: Mapping[int, Avoided] = field(default_factory=dict)
    cache_set: int = 0


@dataclass(frozen=True, slots=True)
class LiveTake:
    """One candidate: the notes of every target bar, and the tokens they came from.

    likelihood: nats per choice under the model itself, if takes are ranked.
    """

    bars: dict[Cell, tuple[Note, ...]]
    ids: tuple[int, ...]
    finished: bool
    likelihood: float = 0.0


@dataclass(frozen=True, slots=True)
class LiveResult:
    """takes in order; dropped_tracks: window tracks left out because the prompt would not fit the model."""

    takes: tuple[LiveTake, ...]
    prompt_tokens: int
    prefill_ms: float
    first_note_ms: float | None
    total_ms: float
    reused_tokens: int
    new_tokens: int
    generated_tokens: int
    forward_calls: int
    dropped_tracks: tuple[int, ...] = ()
