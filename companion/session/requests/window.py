"""Builds what the model sees: a window of exactly model_dim bars, with its targets and hidden cells.

Order of tracks: written ones, our own, humans last, so that while a human's bar grows only the tail of the prompt changes.
Bars before the music began are empty. Bars that nobody can know yet are hidden: the humans' from the bar that is asked for on, and
our own where they are neither planned nor asked for. Knows bars and notes, no time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat

from companion.music import Bar, Note, Score, TimeSignature, Track
from companion.music.units import RESOLUTION
from companion.session.api.effects import Job
from companion.session.api.events import CheckpointInfo
from companion.session.lanes import Lane

TOKENS_PER_NOTE, TOKENS_PER_DELTA, TOKENS_PER_BAR, TOKENS_PER_TRACK = 4, 2, 4, 9
# Controls by the kind of lane that has them, as in `companion.tokenizer.token_types`. All others are for melodic lanes.
DRUMS_ONLY = frozenset(("note_density", "bar_note_density"))
BOTH_KINDS = frozenset(("silence_proportion", "nomml"))
BARS_ON_SHELF = 1024
ROOM_FOR_ANSWER = 0.8  # share of the model's positions that the prompt may take

CellReader = Callable[[Lane, int], "tuple[Note, ...] | None"]  # None: not known


@dataclass(frozen=True, slots=True)
class Ask:
    """What to generate: bar `target` (and nothing else) of `lanes`; first_known: the first bar of the history to be shown."""

    target: int
    lanes: tuple[int, ...]
    model_dim: int
    first_known: int
    known_ahead: int = 0  # bars after the target that the window also holds (a song's written future)
    notes_a_bar: int = 1000  # at most this many notes of each bar are shown


@dataclass(frozen=True, slots=True)
class Window:
    """The music of a request, before it becomes a Job."""

    score: Score
    first_bar: int
    tracks: tuple[int, ...]
    targets: tuple[tuple[int, int], ...]
    hidden: tuple[tuple[int, int], ...]


class BarShelf:
    """Bars of earlier windows. A window that holds them again gets the same objects, so that each bar is encoded only once."""

    def __init__(self) -> None:
        self._bars: dict[tuple[int, int], Bar] = {}

    def bar(self, lane: int, number: int, notes: tuple[Note, ...], meter: TimeSignature) -> Bar:
        """A lane's session bar with these notes."""
        known = self._bars.get((lane, number))
        if known is not None and known.notes == notes and known.time_signature == meter:
            return known
        if len(self._bars) >= BARS_ON_SHELF:
            self._bars.clear()
        made = self._bars[lane, number] = Bar(notes, meter)
        return made


def fitting_dims(checkpoint: CheckpointInfo, wanted: int, history: int) -> list[int]:
    """Windows to choose from, largest first: none larger than wanted (0: any), nor than what has been heard and one bar more.

    The smallest one is always allowed: while less has been heard than it holds, empty bars come before the music.
    """
    dims = sorted(checkpoint.num_bars_map)
    usable = [dim for dim in dims if dim <= history + 1 and (not wanted or dim <= wanted)]
    return sorted(usable or dims[:1], reverse=True)


def build_window(
    ask: Ask,
    lanes: Sequence[Lane],
    read: CellReader,
    meter_of: Callable[[int], TimeSignature],
    tempo: int,
    shelf: BarShelf,
) -> Window:
    """read(lane, bar): the notes known of a cell. meter_of: by session bar. shelf: bars made before.

    Lanes without any known note in the window are left out, unless they are asked for or human.
    """
    first = ask.target + 1 + ask.known_ahead - ask.model_dim
    bars = range(first, first + ask.model_dim)
    meters = [meter_of(max(bar, ask.first_known)) for bar in bars]
    tracks: list[Track] = []
    indices: list[int] = []
    targets: list[tuple[int, int]] = []
    hidden: list[tuple[int, int]] = []
    for lane in sorted(lanes, key=lambda lane: (lane.role == "human", lane.role == "companion", lane.index)):
        known = [read(lane, bar) if bar >= ask.first_known else () for bar in bars]
        asked = lane.index in ask.lanes
        if not asked and lane.role != "human" and not any(known):
            continue
        number = len(tracks)
        shown = [notes[: ask.notes_a_bar] if notes else () for notes in known]
        row = tuple(map(shelf.bar, repeat(lane.index), bars, shown, meters))
        if asked:
            at = ask.target - first
            targets.append((number, at))
            row = (*row[:at], Bar((), meters[at]), *row[at + 1 :])
        for offset, notes in enumerate(known):
            if notes is None and (number, offset) not in targets:
                hidden.append((number, offset))
        tracks.append(Track(row, lane.program, lane.is_drum, lane.name, lane.channel))
        indices.append(lane.index)
    score = Score(tuple(tracks), RESOLUTION, tempo)
    return Window(score, first, tuple(indices), tuple(targets), tuple(hidden))


def prompt_tokens(window: Window, microtiming: bool) -> int:
    """About how many tokens the window takes: an upper bound, without attributes."""
    notes = sum(len(bar.notes) for track in window.score.tracks for bar in track.bars)
    per_note = TOKENS_PER_NOTE + (TOKENS_PER_DELTA if microtiming else 0)
    tracks = len(window.score.tracks)
    return notes * per_note + tracks * (TOKENS_PER_TRACK + TOKENS_PER_BAR * window.score.bar_count)


def fits_model(window: Window, checkpoint: CheckpointInfo) -> bool:
    """Whether the prompt leaves room for an answer."""
    return prompt_tokens(window, checkpoint.microtiming) <= ROOM_FOR_ANSWER * checkpoint.n_positions


def known_attributes(
    lane: Lane, checkpoint: CheckpointInfo, called: Mapping[str, int] | None = None
) -> Mapping[str, int]:
    """The lane's controls and those called for, as far as the checkpoint has them and they fit the lane.

    A call is for the bar that is asked for: a checkpoint with levels of single bars gets it as one of those. So does a control of
    the whole part that only single bars have there, such as the number of voices.
    """
    has = checkpoint.attributes
    levels: dict[str, int] = {}
    for name, level in lane.attributes.items():
        levels[spelled(name, checkpoint)] = level
    levels |= {name: level for name, level in lane.attributes.items() if name in has}
    for name, level in (called or {}).items():
        of_bar = f"bar_{name}"
        levels[of_bar if of_bar in has else name] = level
    return {name: level for name, level in levels.items() if name in has and fits(name, lane.is_drum)}


def spelled(name: str, checkpoint: CheckpointInfo) -> str:
    """The control that stands for `name` with this checkpoint: itself, or the same of single bars where it has only that."""
    of_bar = f"bar_{name}"
    return of_bar if name not in checkpoint.attributes and of_bar in checkpoint.attributes else name


def fits(name: str, is_drum: bool) -> bool:
    """Whether a control is for this kind of lane."""
    return name in BOTH_KINDS or (name in DRUMS_ONLY) == is_drum


def job_of(
    window: Window,
    lanes: Iterable[Lane],
    checkpoint: CheckpointInfo,
    called: Mapping[int, Mapping[str, int]],
    request: Mapping[str, object],
) -> Job:
    """The window as the engine gets it. called: levels that calls ask for, by lane. request: the other fields of Job."""
    by_index = {lane.index: lane for lane in lanes}
    return Job(
        window=window.score,
        first_bar=window.first_bar,
        tracks=window.tracks,
        targets=window.targets,
        hidden=window.hidden,
        attributes=tuple(
            known_attributes(by_index[index], checkpoint, called.get(index, {})) for index in window.tracks
        ),
        **request,  # type: ignore[arg-type]
    )
