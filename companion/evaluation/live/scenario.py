"""A rolling live case: a player repeats a stretch of held-out music and then goes on in another key. The companion plays one part.

The player has all the parts of the window but one, each on a channel of its own. The missing part is the companion's. No chart
is given, so the session can only hear the chords, or expect them when the form comes round again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from companion.evaluation.windows import LiveWindow
from companion.music import Bar, Note, Score, Track
from companion.music.units import RESOLUTION
from companion.runtime.players.tunes import Player, TuneNote
from companion.session.api.settings import (
    REWRITE_DEFAULT,
    ChordSettings,
    ClockSettings,
    ModelSettings,
    RewriteDial,
    Sampling,
    SessionSettings,
    TrackSettings,
)

CHORUSES = 3
NEW_KEY_BARS = 6  # played after the change of key
NEW_KEY = 6  # semitones: a tritone away, in the key that shares the fewest pitch classes with the old one
BPM = 120.0
_DRUM_CHANNEL = 9
_CHANNELS = tuple(channel for channel in range(16) if channel != _DRUM_CHANNEL)


@dataclass(frozen=True, slots=True)
class Manners:
    """How the session is set. threshold: see `ChordSettings`; above 1 no expected chord is ever shown to the model."""

    threshold: float = ChordSettings().threshold
    rewrite: RewriteDial = REWRITE_DEFAULT
    sampling: Sampling = Sampling()


@dataclass(frozen=True, slots=True)
class LiveCase:
    """One case. parts: the player's tracks. missing: the track whose part the companion plays. All have one meter and equal bars.

    Bar numbers below count from the beginning of the performance.
    """

    dataset: str
    parts: tuple[Track, ...]
    missing: Track

    @property
    def chorus_bars(self) -> int:
        """Bars of one chorus."""
        return len(self.missing.bars)

    @property
    def change_bar(self) -> int:
        """The first bar in the new key."""
        return CHORUSES * self.chorus_bars

    @property
    def bar_count(self) -> int:
        """Bars of the whole performance."""
        return self.change_bar + NEW_KEY_BARS

    def played(self, bar: int) -> list[Bar]:
        """What the player's melodic parts have in a bar."""
        return [self._at(track, bar) for track in self.parts if not track.is_drum]

    def truth(self, bar: int) -> Bar:
        """What the missing part really has in a bar."""
        return self._at(self.missing, bar)

    def _at(self, track: Track, bar: int) -> Bar:
        written = track.bars[bar % self.chorus_bars]
        return _moved(written, NEW_KEY) if bar >= self.change_bar and not track.is_drum else written


def case_of(window: LiveWindow) -> LiveCase | None:
    """The window as a case, or None if its meter changes or no melodic part is left for the companion."""
    score: Score = window.score
    if len({bar.time_signature for bar in score.tracks[0].bars}) > 1:
        return None
    ours = next((track for track, _ in window.targets if not score.tracks[track].is_drum), None)
    if ours is None:
        return None
    parts = tuple(track for number, track in enumerate(score.tracks) if number != ours)
    return LiveCase(window.dataset, parts, score.tracks[ours])


def player_of(case: LiveCase) -> Player:
    """The player's whole performance, bar by bar."""
    bars = tuple(
        tuple(
            note
            for part, channel in zip(case.parts, _part_channels(case), strict=True)
            for note in _tune(case._at(part, bar), channel)
        )
        for bar in range(case.bar_count)
    )
    meter = case.missing.bars[0].time_signature
    return Player("live", "held-out music", BPM, meter, case.parts[0].program, case.parts[0].is_drum, bars, ())


def session_of(case: LiveCase, checkpoint: str, engine: str, manners: Manners, seed: int) -> SessionSettings:
    """The session: one lane for each of the player's parts, then the companion's lane, which is the last."""
    lanes = [
        TrackSettings(f"you {number}", "human", part.program, part.is_drum, channel)
        for number, (part, channel) in enumerate(zip(case.parts, _part_channels(case), strict=True), start=1)
    ]
    ours = TrackSettings("companion", "companion", case.missing.program, channel=_CHANNELS[-1])
    return SessionSettings(
        tracks=(*lanes, ours),
        clock=ClockSettings("external", BPM, case.missing.bars[0].time_signature),
        model=ModelSettings(checkpoint, engine, seed=seed, sampling=manners.sampling),
        chords=ChordSettings(threshold=manners.threshold),
        rewrite=manners.rewrite,
    )


def _part_channels(case: LiveCase) -> list[int]:
    melodic = iter(_CHANNELS)
    return [_DRUM_CHANNEL if part.is_drum else next(melodic) for part in case.parts]


def _tune(bar: Bar, channel: int) -> list[TuneNote]:
    return [
        TuneNote(note.onset_ticks / RESOLUTION, note.duration_ticks / RESOLUTION, note.pitch, note.velocity, channel)
        for note in bar.notes
    ]


def _moved(bar: Bar, semitones: int) -> Bar:
    return replace(bar, notes=tuple(_shifted(note, semitones) for note in bar.notes))


def _shifted(note: Note, semitones: int) -> Note:
    up = note.pitch + semitones
    return replace(note, pitch=up if up <= 127 else up - 12)
