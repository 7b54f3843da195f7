"""Measures in simulated time how the band follows the player: `python -m companion.bench.live.following [CHECKPOINT [BARS [SEEDS]]]`.

The player alternates between four sparse bars and four busy ones, within one register. A bar of the band is asked for before the bar
in front of it is over, so that a change is followed within two bars. Printed for each setting of the dials: the correlation of the
band's notes a bar with the player's onsets two bars before, the band's notes in the third and fourth bars of the player's sparse and
busy stretches, and the share of the pitched notes in the player's register.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, replace
from statistics import correlation, fmean

from companion.midi.messages import NoteOn
from companion.music import TimeSignature
from companion.runtime.engine.worker import Worker
from companion.runtime.ipc.protocol import Setup
from companion.runtime.players.simulate import START_SECONDS, Simulation
from companion.runtime.players.tunes import Player, TuneNote
from companion.runtime.recording.records import MessageSent
from companion.session.api.settings import (
    ClockSettings,
    LeadingSettings,
    ModelSettings,
    SessionSettings,
    TrackSettings,
)
from companion.session.leading.endings import BASS_PROGRAMS

BPM, BEATS, GROUP_BARS = 110.0, 4.0, 4
LOWEST, HIGHEST = 60, 76  # the player's pitches: C4 to E5
SCALE = (60, 62, 64, 65, 67, 69, 71, 72, 74, 76)
FIRST_BAR = 4  # the band has listened and begun
FOLLOWED_BARS = 2  # within which the band follows
BAND = (
    TrackSettings("bass", "companion", program=33, channel=1, attributes={"max_polyphony": 0}),
    TrackSettings("piano", "companion", program=0, channel=2),
    TrackSettings("drums", "companion", is_drum=True, channel=9),
    TrackSettings("strings", "companion", program=48, channel=3),
)


def is_busy(bar: int) -> bool:
    """Whether the player is busy in a bar."""
    return bar // GROUP_BARS % 2 == 1


def _bar(bar: int) -> tuple[TuneNote, ...]:
    """A busy bar has sixteen notes in a row up and down the scale, a sparse one has two."""
    steps = 16 if is_busy(bar) else 2
    length = BEATS / steps
    keys = (*SCALE, *SCALE[-2:0:-1])
    first = 5 * bar
    return tuple(TuneNote(step * length, length * 0.9, keys[(first + step) % len(keys)], 84) for step in range(steps))


def alternating_player(bars: int) -> Player:
    """A player who alternates for this many bars."""
    music = tuple(_bar(bar) for bar in range(bars))
    return Player("alternating", "busy and sparse", BPM, TimeSignature(4, 4), 0, False, music, BAND)


@dataclass(frozen=True, slots=True)
class Followed:
    """correlation: see the module. sparse, busy: the band's notes a bar. in_register: share of pitched notes, without the bass."""

    correlation: float
    sparse: float
    busy: float
    in_register: float
    notes: int


def measure(worker: Worker, leading: LeadingSettings, bars: int, seed: int) -> Followed:
    """One performance with these dials."""
    player = alternating_player(bars)
    settings = SessionSettings(
        tracks=(TrackSettings("you", "human", channel=0), *BAND),
        clock=ClockSettings("external", BPM),
        model=replace(ModelSettings(), seed=seed),
        leading=leading,
    )
    log = Simulation(Setup(settings, player=player.name, bars=bars), worker, player).run()
    by_bar: Counter[int] = Counter()
    pitched = inside = 0
    for record in log.records:
        if not isinstance(record, MessageSent) or not isinstance(record.message, NoteOn) or record.source < 1:
            continue
        bar = int((record.due_seconds - START_SECONDS + 0.02) * BPM / 60 / BEATS)
        if bar < FIRST_BAR:
            continue
        by_bar[bar] += 1
        track = settings.tracks[record.source]
        if not track.is_drum and track.program not in BASS_PROGRAMS:
            pitched += 1
            inside += LOWEST <= record.message.key <= HIGHEST
    heard = range(FIRST_BAR, bars)
    played = [float(len(player.bars[bar - FOLLOWED_BARS])) for bar in heard]
    band = [float(by_bar[bar]) for bar in heard]
    settled = [bar for bar in heard if is_busy(bar) == is_busy(bar - FOLLOWED_BARS)]
    return Followed(
        correlation(played, band) if len(set(band)) > 1 else 0.0,
        fmean(by_bar[bar] for bar in settled if not is_busy(bar)),
        fmean(by_bar[bar] for bar in settled if is_busy(bar)),
        inside / pitched if pitched else 0.0,
        pitched,
    )


DIALS = (
    LeadingSettings(),
    LeadingSettings(follow_density=1.0),
    LeadingSettings(follow_density=-1.0),
    LeadingSettings(stay_out_of_register=1.0),
    LeadingSettings(follow_density=0.5),
    LeadingSettings(stay_out_of_register=0.5),
)


def main(arguments: list[str]) -> None:
    """Print one line for each setting of the dials, as the mean of the seeds."""
    checkpoint, bars, seeds = (*arguments, *("yellow_mini", "36", "2")[len(arguments) :])
    print(f"{checkpoint}, {bars} bars, {seeds} seeds")
    print("density  register  correlation  notes a bar: sparse  busy  in the player's register")
    for leading in DIALS:
        found = []
        for seed in range(1, int(seeds) + 1):
            worker = Worker.load(ModelSettings(checkpoint=checkpoint))
            found.append(measure(worker, leading, int(bars), seed))
        mean = {
            name: fmean(getattr(one, name) for one in found)
            for name in ("correlation", "sparse", "busy", "in_register")
        }
        print(
            f"{leading.follow_density:+7.1f}  {leading.stay_out_of_register:8.1f}  {mean['correlation']:11.2f}"
            f"  {mean['sparse']:19.1f}  {mean['busy']:4.1f}  {mean['in_register']:9.0%}",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1:])
