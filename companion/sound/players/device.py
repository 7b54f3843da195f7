"""The built-in synthesizer on an audio device, through miniaudio.

The device's thread asks for frames and computes them itself. A separate thread does everything that may block (opening, closing), so
that a hanging device keeps nobody else waiting. A device that falls silent or cannot be opened is tried again.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Generator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from companion.errors import SoundError
from companion.sound.players.player import LATENCY_SECONDS, Health
from companion.sound.players.priority import MAKER, come_first
from companion.sound.players.schedule import FrameClock, Queue
from companion.sound.players.servers import has_pulse, has_sound_card
from companion.sound.synth.bank import DRUMS, ToneBank
from companion.sound.synth.synthesizer import LATENCY_FRAMES, Synthesizer
from companion.sound.synth.voices import BLOCK
from companion.sound.wire import GAIN, Due

if TYPE_CHECKING:
    import miniaudio

RATE = 48_000
PERIOD_SECONDS, PERIODS = 0.008, 3
DEAD_SECONDS = 1.0  # a device that asks for nothing for this long is gone
RETRY_SECONDS, LONGEST_RETRY_SECONDS = 1.0, 10.0
HANG_SECONDS = 6.0
NULL = "null"  # the name of the device that discards everything, for tests and measurements
clock = time.monotonic


class Stream:
    """One opening of a device: the synthesizer, its clock, and the frames that are ready."""

    def __init__(self, rate: int, bank: ToneBank, gain: float) -> None:
        self.rate = rate
        self.synthesizer = Synthesizer(rate, bank, gain)
        self.frame_clock = FrameClock(rate)
        self.queue = Queue(self.frame_clock, LATENCY_SECONDS)
        self.incoming: deque[Due] = deque()
        self.asked_at = clock()
        self.computing = 0.0
        self.overruns = 0
        self.frames = 0  # handed out
        self._rendered = 0
        self._ready: list[NDArray[np.float32]] = []
        self._ready_frames = 0

    def supply(self, frames: int) -> NDArray[np.float32]:
        """Return the next frames × 2. The device's thread calls this."""
        begun = clock()
        self.asked_at = begun
        self.frame_clock.asked(self.frames, begun)
        while self.incoming:
            self.queue.add((self.incoming.popleft(),))
        while self._ready_frames < frames:
            self._render()
        block = np.concatenate(self._ready) if len(self._ready) > 1 else self._ready[0]
        self._ready = [block[frames:]]
        self._ready_frames = len(block) - frames
        self.frames += frames
        spent = clock() - begun
        self.computing += spent
        if spent > frames / self.rate:
            self.overruns += 1
        return block[:frames]

    def _render(self) -> None:
        events = self.queue.events(self._rendered, BLOCK)
        for event in events:
            if event[1] == GAIN:
                self.synthesizer.gain = (event[2] | event[3] << 7) / 100
        self._ready.append(self.synthesizer.render(event for event in events if event[1] != GAIN))
        self._ready_frames += BLOCK
        self._rendered += BLOCK


class DevicePlayer:
    """See the module and `Player`. name: "" for the system's own choice, part of a device's name, or `NULL`."""

    def __init__(self, name: str = "", rate: int = RATE, gain: float = 1.0) -> None:
        self._name, self._rate, self.gain = name, rate, gain
        self._bank = ToneBank(waits=False)
        for program in (0, DRUMS):
            self._bank.prepare(program)
        self._stream: Stream | None = None
        self._device: miniaudio.PlaybackDevice | None = None
        self._backend = self._trouble = ""
        self._before: list[Due] = []  # messages that a new stream needs: programs and controllers
        self._underruns = self._late = 0
        self._busy_since = clock()
        self._ending = threading.Event()
        self._opened = threading.Event()
        self._maker = threading.Thread(target=self._make_tones, name="tones", daemon=True)
        self._keeper = threading.Thread(target=self._keep, name="device", daemon=True)
        self._keeper.start()

    def play(self, messages: list[Due]) -> None:
        """See `Player`."""
        self._remember(messages)
        stream = self._stream
        if stream is not None:
            stream.incoming.extend(messages)

    def wait_until_open(self, seconds: float) -> bool:
        """Wait until a device is open. Returns whether this happened within `seconds`."""
        return self._opened.wait(seconds)

    def health(self) -> Health:
        """See `Player`."""
        stream = self._stream
        trouble = self._trouble
        if stream is None:
            if not trouble and clock() - self._busy_since > HANG_SECONDS:
                trouble = "the audio device does not answer"
            return Health("builtin", trouble=trouble, underruns=self._underruns, late=self._late)
        return Health(
            "builtin",
            device=self._backend,
            rate=stream.rate,
            latency_ms=round(1000 * (LATENCY_SECONDS + LATENCY_FRAMES / stream.rate), 1),
            buffer_ms=round(1000 * PERIOD_SECONDS * PERIODS, 1),
            underruns=self._underruns + stream.overruns + stream.frame_clock.gaps,
            late=self._late + stream.queue.late,
            load=round(stream.computing * stream.rate / max(stream.frames, 1), 4),
        )

    def close(self) -> None:
        """See `Player`."""
        self._ending.set()
        self._bank.close()
        self._keeper.join(2.0)

    def _make_tones(self) -> None:
        come_first(MAKER)
        self._bank.work()

    # -- the keeper's thread ----------------------------------------------------------------------------------------

    def _keep(self) -> None:
        retry = RETRY_SECONDS
        while not self._ending.is_set():
            self._busy_since = clock()
            try:
                self._open()
                retry = RETRY_SECONDS
            except SoundError as error:
                self._trouble = str(error)
                self._ending.wait(retry)
                retry = min(2 * retry, LONGEST_RETRY_SECONDS)
                continue
            while not self._ending.wait(0.1) and self._is_alive():
                pass
            self._shut()
            if not self._ending.is_set():
                self._trouble = "the audio device is gone; playing goes on, and its return is awaited"

    def _is_alive(self) -> bool:
        return self._stream is not None and clock() - self._stream.asked_at < DEAD_SECONDS

    def _open(self) -> None:
        stream = Stream(self._rate, self._bank, self.gain)
        device = open_device(self._name, self._rate)
        stream.asked_at = clock()
        stream.incoming.extend(self._before)
        feeder = _feed(stream)
        next(feeder)
        try:
            device.start(cast(Any, feeder))
        except Exception as error:
            device.close()
            raise SoundError(f"the audio device cannot be started: {error}") from None
        self._device, self._stream = device, stream
        self._backend, self._trouble = device.backend, ""
        if not self._maker.is_alive():
            self._maker.start()  # no tones are made if there is no device
        self._opened.set()

    def _shut(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            self._underruns += stream.overruns + stream.frame_clock.gaps
            self._late += stream.queue.late
        device, self._device = self._device, None
        if device is not None:
            with suppress(Exception):
                device.close()

    def _remember(self, messages: list[Due]) -> None:
        for message in messages:
            if message.status & 0xF0 in (0xB0, 0xC0) or message.status == GAIN:
                key = (message.status, message.first if message.status & 0xF0 == 0xB0 else 0)
                kept = (
                    old for old in self._before if (old.status, old.first if old.status & 0xF0 == 0xB0 else 0) != key
                )
                self._before = [*kept, message]


def _feed(stream: Stream) -> Generator[NDArray[np.float32], int, None]:
    frames = yield np.zeros((0, 2), dtype=np.float32)
    come_first()  # now in the device's own thread
    while True:
        frames = yield stream.supply(frames)


def import_miniaudio() -> Any:
    """Return the library. Raises SoundError, which says how to get it."""
    try:
        import miniaudio
    except ImportError as error:
        raise SoundError(f"sound needs miniaudio: pip install miniaudio ({error})") from None
    return miniaudio


def open_device(name: str, rate: int) -> miniaudio.PlaybackDevice:
    """Return a device that is not started yet. Raises SoundError. It may block for as long as the system does."""
    audio = import_miniaudio()
    backends = [audio.Backend.NULL] if name == NULL else _backends(audio)
    try:
        return audio.PlaybackDevice(
            output_format=audio.SampleFormat.FLOAT32,
            nchannels=2,
            sample_rate=rate,
            buffersize_msec=round(1000 * PERIOD_SECONDS),
            callback_periods=PERIODS,
            device_id=_device_id(audio, name, backends) if name not in ("", NULL) else None,
            backends=backends,
            app_name="companion",
        )
    except audio.MiniaudioError:
        raise SoundError("no audio device can be opened") from None


def device_names() -> list[str]:
    """Return the names of the playback devices. Raises SoundError. It may block for as long as the system does."""
    audio = import_miniaudio()
    try:
        return [str(device["name"]) for device in audio.Devices(_backends(audio)).get_playbacks()]
    except audio.MiniaudioError:
        return []


def _backends(audio: Any) -> list[Any]:
    """Return the backends that are worth asking here. Raises SoundError if there is none."""
    if sys.platform.startswith("linux"):
        # JACK is left out: its library ends the process while the server starts or ends, and ALSA reaches the same cards.
        names = (["PULSEAUDIO"] if has_pulse() else []) + (["ALSA"] if has_sound_card() else [])
        found = [audio.Backend[name] for name in names]
    else:
        found = [backend for backend in audio.Backend if backend.name not in ("NULL", "CUSTOM", "WEBAUDIO", "JACK")]
    if not found:
        raise SoundError("there is no audio device")
    return found


def _device_id(audio: Any, name: str, backends: list[Any]) -> Any:
    try:
        found = audio.Devices(backends).get_playbacks()
    except audio.MiniaudioError:
        found = []
    for device in found:
        if name.casefold() in str(device["name"]).casefold():
            return device["id"]
    there = ", ".join(repr(str(device["name"])) for device in found) or "none"
    raise SoundError(f"no audio device {name!r} (there are: {there})")
