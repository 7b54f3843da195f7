"""A performance by script: pictures computed from the time alone, in the shape the real one gives. Also to look at:

python -m tests.tui.scripted [practice] [waiting] [--bpm 120]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from companion.music import Note, TimeSignature
from companion.session.api.events import CheckpointInfo, Command
from companion.session.api.settings import ModelSettings
from companion.session.api.snapshot import (
    BarView,
    GenerationView,
    LaneView,
    PracticeView,
    Snapshot,
    TransportView,
)

QUARTER = 480
YELLOW = CheckpointInfo(
    name="yellow",
    engine="onnx",
    num_bars_map=(4, 8),
    mask_modes=("attention", "attention_approx", "attention_skip", "remove"),
    microtiming=False,
    velocity_levels=32,
    resolution=12,
    time_signatures=(TimeSignature(4, 4), TimeSignature(3, 4), TimeSignature(6, 8)),
    attributes=("note_density", "min_polyphony", "max_polyphony", "min_note_duration", "max_note_duration"),
    parameters=20_000_000,
)
CHORDS = ("C", "Am7", "Dm7", "G7")
ORIGINS = ("fresh", "fresh", "older", "fresh", "variation", "fresh", "rest", "fresh")


def melody(bar: int) -> tuple[Note, ...]:
    steps = (60, 62, 64, 67, 69, 67, 64, 62)
    return tuple(Note(i * 240, 200, steps[(i * 3 + bar) % 8] + (bar % 3), 90) for i in range(8))


def bass(bar: int) -> tuple[Note, ...]:
    return tuple(Note(i * 480, 440, (36, 43, 40, 38)[(i + bar) % 4], 90) for i in range(4))


def drums(bar: int) -> tuple[Note, ...]:
    hats = [Note(i * 240, 60, 42) for i in range(8)]
    return tuple(
        sorted(
            [*hats, Note(0, 60, 36), Note(960, 60, 36), Note(480, 60, 38), Note(1440, 60, 38)],
            key=lambda n: n.onset_ticks,
        )
    )


def chords(bar: int) -> tuple[Note, ...]:
    root = (60, 57, 62, 55)[bar % 4]
    return tuple(Note(start, 700, root + third) for start in (0, 960) for third in (0, 4, 7, 11))


PARTS: tuple[tuple[str, str, int, bool, int | None, Callable[[int], tuple[Note, ...]]], ...] = (
    ("you", "human", 0, False, None, melody),
    ("bass", "companion", 33, False, 1, bass),
    ("drums", "companion", 0, True, 9, drums),
    ("piano", "companion", 4, False, 2, chords),
)


@lru_cache(maxsize=64)
def lanes(bar: int) -> tuple[LaneView, ...]:
    made = []
    for index, (name, role, program, is_drum, channel, notes) in enumerate(PARTS):
        views = []
        for number in range(max(bar - 6, 0), bar + 3):
            origin: Any = "human" if role == "human" else ORIGINS[(number + index) % 8]
            state: Any = "played" if number < bar else "committed" if number == bar else "tentative"
            if role == "human" and number > bar:
                views.append(BarView(number, "hidden", "human"))
                continue
            if role == "human":
                state = "played"
            if number == bar + 1 and role != "human" and index != 3:
                state = "committed"
            if number == bar + 2 and index == 3:
                views.append(BarView(number, "empty"))
                continue
            music = () if origin == "rest" else notes(number)
            views.append(BarView(number, state, origin, music, locked=index == 1 and number == bar + 2))
        made.append(
            LaneView(
                index,
                name,
                role,
                program,
                is_drum,
                channel,
                False,
                False,
                tuple(views),
                sounding=(60, 64) if index == 3 else (),
            )
        )
    return tuple(made)


def snapshot_at(seconds: float, bpm: float = 120.0, **changes: Any) -> Snapshot:
    """The picture `seconds` after the start in 4/4; `changes` replace fields of Snapshot."""
    beats = seconds * bpm / 60
    bar = int(beats // 4)
    picture = Snapshot(
        now_seconds=seconds,
        transport=TransportView(
            "external", "running", bpm, bar, beats % 4, beats, TimeSignature(4, 4), 0.0008, song_bar=bar
        ),
        lanes=lanes(bar),
        generation=GenerationView(
            state="generating" if beats % 4 > 2.8 else "idle",
            bars=3 * bar,
            bars_fresh=max(3 * bar - 2, 0),
            bars_by_step={"fresh": max(3 * bar - 2, 0), "older": 1, "variation": 1, "rest": 0},
            p50_seconds=0.183,
            p99_seconds=0.341,
            first_note_p50_seconds=0.042,
            last_seconds=0.2,
            lead_seconds=0.427,
            model_dim=8,
            mask_mode="attention",
        ),
        model=ModelSettings(),
        checkpoint=YELLOW,
        counters={"notes_in": 8 * bar, "notes_out": 20 * bar, "hanging_notes": 0},
        ports={"in:KeyStep 37": True, "out:FluidSynth": bar % 16 < 14},
        recording=True,
        seed=7,
    )
    return replace(picture, **changes)


def practice_at(seconds: float, bpm: float = 120.0) -> Snapshot:
    """The same with a song: 32 bars AABA, bars 9-16 looped."""
    picture = snapshot_at(seconds, bpm)
    song_bar = 8 + picture.transport.bar % 8
    practice = PracticeView(
        title="Evening changes",
        bar_count=32,
        pass_number=1 + picture.transport.bar // 8,
        tempo_factor=0.8,
        loop=(8, 16),
        sections=((0, "A"), (8, "A"), (16, "B"), (24, "A")),
        chords=(*tuple((bar, 0.0, CHORDS[bar % 4]) for bar in range(32)), (10, 2.0, "Fm6")),
        song_bar=song_bar,
        transpose=-2,
        accuracy=0.92,
        live_accuracy=0.81,
        right=41,
        wrong=3,
        missed=4,
        extra=1,
        mean_offset_ms=18.0,
    )
    transport = replace(picture.transport, song_bar=song_bar)
    return replace(picture, practice=practice, transport=transport)


class ScriptedPerformance:
    """Plays `picture(seconds since the start)`; remembers what it was sent."""

    def __init__(
        self, picture: Callable[[float], Snapshot | None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.picture, self.clock, self.start = picture, clock, clock()
        self.sent: list[Command] = []
        self.keys_played: list[tuple[float, bytes]] = []
        self.chosen_ports: list[tuple[str, str]] = []
        self.happened: list[Any] = []
        self.stopped = False
        self.running = True

    recording: Path | None = None

    def send(self, command: Command) -> None:
        self.sent.append(command)

    def snapshot(self) -> Snapshot | None:
        return self.picture(self.clock() - self.start)

    def events(self) -> list[Any]:
        drained, self.happened = self.happened, []
        return drained

    def play_key(self, data: bytes, struck_at: float) -> None:
        self.keys_played.append((struck_at, data))

    def choose_port(self, direction: str, name: str) -> None:
        self.chosen_ports.append((direction, name))

    def list_ports(self) -> Any:
        from companion.runtime.front.performance import PortList

        return PortList(("KeyStep 37", "Launchpad"), ("FluidSynth", "Midi Through"))

    def alive(self) -> bool:
        return self.running

    def stop(self) -> None:
        self.stopped = True


def main(arguments: list[str]) -> int:
    from companion.tui.app import run_app

    picture: Callable[[float], Snapshot] = practice_at if "practice" in arguments else snapshot_at
    if "waiting" in arguments:
        empty = tuple(replace(lane, bars=()) for lane in lanes(0))
        still = snapshot_at(0.0, lanes=empty, checkpoint=None)
        halted = replace(still.transport, state="stopped", bpm=120.0)

        def picture(seconds: float) -> Snapshot:
            return replace(still, now_seconds=seconds, transport=halted, generation=GenerationView("loading"))

    return run_app(lambda: ScriptedPerformance(picture), title="scripted")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
