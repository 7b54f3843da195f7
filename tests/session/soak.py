"""Random performances in simulated time: `python -m tests.session.soak [EVENTS] [SEED]` (default 1,000,000 events).

Notes, garbage, stops, seeks, port losses, tempo jumps, mutes, clock losses, ticks lost and held up, a second clock and engine
crashes in any order, with an engine that sometimes is late; after each stretch the music is stopped and closed. What must hold: no
note is left hanging, none is struck twice without an off between, no off comes without its on, none is sent late.
"""

from __future__ import annotations

import random
import sys
import time
from dataclasses import dataclass, field

from companion.midi.messages import (
    ClockContinue,
    ClockStart,
    ClockStop,
    ClockTick,
    ControlChange,
    Malformed,
    NoteOff,
    NoteOn,
    PitchBend,
    SongPosition,
)
from companion.session.api.events import EngineLost, PortChanged, command
from companion.session.api.settings import ClockSettings
from tests.session.session_stage import ALL_METERS, READY, Stage, trio, wish

PORTS = ("keys", "pads")
STRETCH_EVENTS = 2000


@dataclass
class Tally:
    """What was found over all stretches."""

    events: int = 0
    hanging: int = 0
    double_ons: int = 0
    stray_offs: int = 0
    latest_seconds: float = 0.0
    notes_out: int = 0
    bars: dict[str, int] = field(default_factory=dict)

    @property
    def faults(self) -> int:
        return self.hanging + self.double_ons + self.stray_offs


def random_event(stage: Stage, rng: random.Random, seconds: float) -> None:
    """One thing that may happen in a performance, at `seconds`."""
    port, channel, key = rng.choice(PORTS), rng.choice((0, 0, 1, 9)), rng.randrange(48, 72)
    kind = rng.random()
    if kind < 0.35:
        stage.midi(seconds, NoteOn(channel, key, rng.randrange(1, 128)), port)
    elif kind < 0.65:
        stage.midi(seconds, NoteOff(channel, key), port)
    elif kind < 0.72:
        stage.midi(seconds, ControlChange(channel, rng.choice((64, 1, 7)), rng.randrange(128)), port)
    elif kind < 0.74:
        stage.midi(
            seconds,
            rng.choice(
                (Malformed("garbage", 3), PitchBend(channel, 100), SongPosition(rng.randrange(200)), ClockTick())
            ),
            port,
        )
    elif kind < 0.76:
        stage.midi(
            seconds, rng.choice((ClockStop(), ClockContinue(), ClockStart(), ClockStart(), ClockContinue())), "clock"
        )
    elif kind < 0.765:
        stage.at(seconds, command("set_clock_source", source=rng.choice(("internal", "external"))))
    elif kind < 0.80:
        direction = rng.choice(("in", "out"))
        name = "" if direction == "out" else port
        stage.at(seconds, PortChanged(name, direction, False))
        stage.at(seconds + rng.random(), PortChanged(name, direction, True))
    elif kind < 0.81:
        stage.at(seconds, EngineLost("killed"))
        stage.at(seconds + rng.random() * 2, READY)
    else:
        stage.at(seconds, random_command(rng))


def random_command(rng: random.Random):
    """A wish, sometimes a foolish one."""
    track = rng.randrange(-1, 5)
    meter = rng.choice(ALL_METERS)
    return rng.choice(
        (
            wish("mute", track=track),
            wish("solo", track=track),
            wish("set_program", track=track, program=rng.randrange(130)),
            wish("set_tempo", bpm=rng.choice((9, 10, 60, 120, 240, 400, float("nan")))),
            wish("set_time_signature", numerator=meter.numerator, denominator=meter.denominator),
            wish("regenerate"),
            wish("regenerate", bar=rng.randrange(50)),
            wish("keep"),
            wish("lock", on=rng.random() < 0.5),
            wish("undo"),
            wish("panic"),
            wish("click"),
            wish("thru"),
            wish("tap"),
            wish("wait", bars=rng.randrange(3)),
            wish("start"),
            wish("stop"),
            wish("continue"),
            wish("seek", bar=rng.randrange(20)),
            wish("set_role", track=track, role=rng.choice(("companion", "companion", "backing", "silent"))),
            wish("set_model", takes=rng.choice((1, 1, 2)), model_dim=rng.choice((0, 4, 8))),
            wish("set_latency", port="", seconds=rng.choice((0.0, 0.01, -0.02))),
            wish("set_attribute", track=1, name="min_polyphony", level=2),
            wish("set_sampling", temperature=rng.choice((0.9, 0, "hot"))),
            wish("nonsense", x=1),
            wish("mute"),
        )
    )


def stretch(seed: int, events: int, tally: Tally) -> None:
    """One performance of `events` random events with a clock ticking on, then stop and close."""
    rng = random.Random(seed)
    source = rng.choice(("external", "external", "internal"))
    engine_seconds = rng.choice((0.05, 0.3, 1.0, 3.0))
    stage = Stage(
        trio(
            clock=ClockSettings(source=source, bpm=120),
            thru=rng.random() < 0.5,
            rewrite=("never", "half bar", "beat")[seed % 3],
        ),
        engine_seconds=lambda job: engine_seconds * (0.5 + (job.seed % 1000) / 1000),
        record=False,
        seed=seed,
    )
    stage.at(0, READY)
    seconds, bpm, held_until = 0.01, 120.0, 0.0
    stage.midi(0.01, ClockStart(), "clock")
    if source == "internal":
        stage.at(0.01, command("start"))
    done = 0
    while done < events:
        if rng.random() < 0.01:  # get the music going again, whatever stopped it
            stage.midi(seconds, ClockStart(), "clock")
            stage.at(seconds, command("continue"))
        if rng.random() < 0.002:
            bpm = rng.choice((40, 100, 120, 130, 240, 400))
        if rng.random() < 0.001:
            seconds += rng.choice((0.3, 1.0, 3.0))  # a drop-out
        seconds += 60 / (24 * bpm)
        if rng.random() < 0.003:  # a tick is lost
            continue
        if rng.random() < 0.01:  # or some are held up and come in a bunch
            held_until = seconds + rng.uniform(0, 0.2)
        stage.midi(max(held_until, seconds + rng.uniform(0, 0.002)), ClockTick(), "clock")
        if rng.random() < 0.4:
            random_event(stage, rng, seconds + rng.random() * 0.01)
            done += 1
        stage.run(seconds - 0.05)
    stage.run(seconds + 2)
    stage.close()
    tally.events += done
    tally.hanging += stage.hanging
    tally.double_ons += stage.double_ons
    tally.stray_offs += stage.stray_offs
    tally.latest_seconds = max(tally.latest_seconds, stage.late_seconds)
    tally.notes_out += stage.session.scheduler.notes_out
    for step, count in stage.session.bars_by_step.items():
        tally.bars[step] = tally.bars.get(step, 0) + count


def soak(events: int, seed: int = 1) -> Tally:
    """So many events, in stretches."""
    tally = Tally()
    number = 0
    while tally.events < events:
        stretch(seed * 1_000_003 + number, min(STRETCH_EVENTS, events), tally)
        number += 1
    return tally


def main() -> int:
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    begin = time.perf_counter()
    tally = soak(events, seed)
    print(f"{tally} in {time.perf_counter() - begin:.0f} s")
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())
