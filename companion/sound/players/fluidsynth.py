"""FluidSynth as a player, through pyfluidsynth and with FluidSynth's own audio drivers. It is used if it is installed."""

from __future__ import annotations

import heapq
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any

from companion.errors import SoundError
from companion.sound.players.player import LATENCY_SECONDS, Health
from companion.sound.players.servers import fluidsynth_driver
from companion.sound.wire import GAIN, Due

REFERENCE_GAIN = 0.5  # the gain at which the built-in instruments are as loud
RATE = 48_000
PERIOD_FRAMES, PERIODS = 128, 4
SPIN_SECONDS = 0.0005
clock = time.monotonic


def import_fluidsynth() -> ModuleType:
    """Return pyfluidsynth with its library. Raises SoundError, which says what is missing."""
    try:
        import fluidsynth
    except (
        ImportError,
        OSError,
        AttributeError,
    ):  # the binding raises any of these if the library is missing or old
        raise SoundError("FluidSynth needs its library and pyfluidsynth: pip install 'companion[fluidsynth]'") from None
    return fluidsynth


class FluidPlayer:
    """See `Player`. A thread passes each message on `LATENCY_SECONDS` after it is due.

    driver: one of FluidSynth's drivers, "" for its own choice, None for the one that fits this machine. Raises SoundError if it cannot
    play.
    """

    def __init__(self, soundfont: Path, gain: float = 1.0, driver: str | None = None) -> None:
        fluidsynth = import_fluidsynth()
        driver = fluidsynth_driver() if driver is None else driver
        if driver is None:
            raise SoundError("there is no audio device")
        self._soundfont = soundfont
        self._synth: Any = fluidsynth.Synth(gain=REFERENCE_GAIN * gain, samplerate=float(RATE))
        self._synth.setting("audio.period-size", PERIOD_FRAMES)
        self._synth.setting("audio.periods", PERIODS)
        self._synth.setting("synth.polyphony", 128)
        if self._synth.sfload(str(soundfont)) < 0:
            self._synth.delete()
            raise SoundError(f"{soundfont}: FluidSynth cannot read this soundfont")
        # `start` would also open a MIDI input, which other programs and we ourselves would find and play to.
        if driver:
            self._synth.setting("audio.driver", driver)
        self._synth.audio_driver = fluidsynth.new_fluid_audio_driver(self._synth.settings, self._synth.synth)
        if not self._synth.audio_driver:
            self._synth.delete()
            raise SoundError("FluidSynth finds no audio device")
        for channel in range(16):
            if channel != 9:
                self._synth.program_change(channel, 0)
        self._waiting: list[tuple[float, int, Due]] = []
        self._serial = 0
        self._changed = threading.Condition()
        self._late = 0
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="fluidsynth", daemon=True)
        self._thread.start()

    def play(self, messages: list[Due]) -> None:
        """See `Player`."""
        with self._changed:
            for message in messages:
                self._serial += 1
                heapq.heappush(self._waiting, (message.seconds + LATENCY_SECONDS, self._serial, message))
            self._changed.notify()

    def health(self) -> Health:
        """See `Player`."""
        return Health(
            "fluidsynth",
            device=f"FluidSynth with {self._soundfont.name}",
            rate=RATE,
            latency_ms=1000 * LATENCY_SECONDS,
            buffer_ms=round(1000 * PERIOD_FRAMES * PERIODS / RATE, 1),
            late=self._late,
        )

    def close(self) -> None:
        """See `Player`."""
        with self._changed:
            self._ending = True
            self._changed.notify()
        self._thread.join(1.0)
        if not self._thread.is_alive():
            self._synth.system_reset()
            self._synth.delete()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._ending and (wait := self._wait()) is not None:
                    self._changed.wait(wait)
                if self._ending:
                    return
                due, _, message = heapq.heappop(self._waiting)
            if (left := due - clock()) > 0:
                time.sleep(left)
            elif left < -SPIN_SECONDS and message.status & 0xE0 == 0x80:
                self._late += 1
            self._tell(message)

    def _wait(self) -> float | None:
        """Return the seconds until the next message is due, or None if it is due now."""
        if not self._waiting:
            return 60.0
        left = self._waiting[0][0] - clock()
        return left - SPIN_SECONDS if left > 2 * SPIN_SECONDS else None

    def _tell(self, message: Due) -> None:
        kind, channel = message.status & 0xF0, message.status & 0x0F
        if message.status == GAIN:
            self._synth.setting("synth.gain", REFERENCE_GAIN * (message.first | message.second << 7) / 100)
        elif kind == 0x90 and message.second:
            self._synth.noteon(channel, message.first, message.second)
        elif kind in (0x80, 0x90):
            self._synth.noteoff(channel, message.first)
        elif kind == 0xB0:
            self._synth.cc(channel, message.first, message.second)
        elif kind == 0xC0 and channel != 9:
            self._synth.program_change(channel, message.first)
        elif kind == 0xE0:
            self._synth.pitch_bend(channel, (message.first | message.second << 7) - 8192)
