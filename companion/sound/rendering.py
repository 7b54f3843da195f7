"""Renders music offline into an audio file. Every note begins at its exact frame, whatever else the machine is doing."""

from __future__ import annotations

import heapq
import os
import wave
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from companion.errors import SoundError
from companion.music import Score
from companion.music.files.songs.controls import written_controls
from companion.music.song import FileSong, score_bar_starts
from companion.sound.synth.bank import ToneBank
from companion.sound.synth.synthesizer import DRUM_CHANNEL, LATENCY_FRAMES, Event, Synthesizer
from companion.sound.synth.voices import BLOCK

RATE = 48_000
TAIL_SECONDS = 6.0  # the longest wait until everything has died away
_SILENCE = 10 ** (-70 / 20)
_OFF, _CONTROL, _ON = range(3)
_PROGRAM = 0xC0
_MELODIC = tuple(channel for channel in range(16) if channel != DRUM_CHANNEL)
Progress = Callable[[float], None]


class Timed(NamedTuple):
    """A MIDI message of one to three bytes, and when it sounds."""

    seconds: float
    status: int
    first: int
    second: int


def messages_of(song: FileSong | Score) -> list[Timed]:
    """Return the messages with which a synthesizer plays a song. If there are more instruments than channels, they share channels in turn.

    Pedals, volumes, bends and the like are included if every part has a channel of its own.
    """
    song = song if isinstance(song, FileSong) else FileSong.of(song)
    seconds_at = _tempo_line(song)
    starts = song.bar_starts or tuple(score_bar_starts(song.score))
    found: list[tuple[float, int, int, int, int, int]] = []  # seconds, rank, program, channel, key, velocity
    channels = _channels(song.score)
    for number, track in enumerate(song.score.tracks):
        channel = channels[number]
        for start, bar in zip(starts, track.bars, strict=False):
            for note in bar.notes:
                onset = start + note.onset_ticks + note.delta / song.score.resolution
                end = max(start + note.onset_ticks + note.duration_ticks, onset + 1)
                found.append((seconds_at(max(onset, 0.0)), _ON, track.program, channel, note.pitch, note.velocity))
                found.append((seconds_at(end), _OFF, track.program, channel, note.pitch, 0))
    if len(channels) <= len(_MELODIC):
        found += _controls(song, channels, seconds_at)
    # At the same time, notes end first. Then controllers move in their written order, and then notes begin.
    found.sort(key=lambda item: item[:2] if item[1] == _CONTROL else item)
    programs: dict[int, int] = {}
    messages = []
    for seconds, rank, program, channel, key, velocity in found:
        if rank == _CONTROL:
            messages.append(Timed(seconds, program | channel, key, velocity))
            continue
        if rank and channel != DRUM_CHANNEL and programs.get(channel) != program:
            programs[channel] = program
            messages.append(Timed(seconds, 0xC0 | channel, program, 0))
        messages.append(Timed(seconds, (0x90 if rank else 0x80) | channel, key, velocity))
    return messages


def _channels(score: Score) -> list[int]:
    return [
        DRUM_CHANNEL if track.is_drum else _MELODIC[number % len(_MELODIC)] for number, track in enumerate(score.tracks)
    ]


def _controls(
    song: FileSong, channels: Sequence[int], seconds_at: Callable[[float], float]
) -> Iterator[tuple[float, int, int, int, int, int]]:
    """Return (seconds, rank, kind, channel, data bytes) of the written events, except notes and programs, which go with the notes."""
    for parts, events in written_controls(song).items():
        for channel in sorted({channels[part] for part in parts}):
            for beats, kind, first, second in events:
                if kind != _PROGRAM:
                    yield seconds_at(beats * song.score.resolution), _CONTROL, kind, channel, first, second


def _tempo_line(song: FileSong) -> Callable[[float], float]:
    """Return the function that maps ticks to seconds."""
    resolution = song.score.resolution
    ticks = [0]
    tempos = [song.tempo_map[0][1] if song.tempo_map else song.score.tempo]
    seconds = [0.0]
    for tick, tempo in song.tempo_map:
        seconds.append(seconds[-1] + (tick - ticks[-1]) * tempos[-1] / 1e6 / resolution)
        ticks.append(tick)
        tempos.append(tempo)

    def seconds_at(tick: float) -> float:
        index = bisect_right(ticks, tick) - 1
        return seconds[index] + (tick - ticks[index]) * tempos[index] / 1e6 / resolution

    return seconds_at


def render(messages: Sequence[Timed], rate: int = RATE, gain: float = 1.0) -> Iterator[NDArray[np.float32]]:
    """Yield blocks of BLOCK × 2 frames from time 0 until everything has died away. Messages may come in any order."""
    synthesizer = Synthesizer(rate, ToneBank(), gain)
    queue = [(round(message.seconds * rate), number, *message[1:]) for number, message in enumerate(messages)]
    heapq.heapify(queue)
    last = max((frame for frame, *_ in queue), default=0)
    start = -LATENCY_FRAMES  # the first block is the limiter's delay
    at = 0
    while at <= last + TAIL_SECONDS * rate:
        events: list[Event] = []
        while queue and queue[0][0] < at + BLOCK:
            frame, _, status, first, second = heapq.heappop(queue)
            events.append((max(frame - at, 0), status, first, second))
        block = synthesizer.render(events)
        if start >= 0:
            yield block
            if at > last + BLOCK and not synthesizer.sounding and float(np.max(np.abs(block))) < _SILENCE:
                return
        start, at = at, at + BLOCK


def write_sound(
    music: FileSong | Score | Iterable[Timed],
    path: str | os.PathLike[str],
    *,
    gain: float = 1.0,
    rate: int = RATE,
    progress: Progress | None = None,
) -> float:
    """Render music into a 16-bit stereo WAV file, and return its length in seconds. The file is complete or absent.

    progress: is called with the share of the work done, from 0 to 1. Raises SoundError.
    """
    messages = messages_of(music) if isinstance(music, (FileSong, Score)) else list(music)
    length = max((message.seconds for message in messages), default=0.0) + 1
    target = Path(path)
    partial = target.with_name(f".{target.name}.part")
    frames = 0
    try:
        with wave.open(str(partial), "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(rate)
            for block in render(messages, rate, gain):
                file.writeframesraw(np.rint(block * 32767).astype("<i2").tobytes())
                frames += len(block)
                if progress is not None and frames % (64 * BLOCK) == 0:
                    progress(min(frames / rate / length, 1.0))
        partial.replace(target)
    except (OSError, wave.Error) as error:
        raise SoundError(f"{target}: cannot be written ({getattr(error, 'strerror', None) or error})") from None
    finally:
        partial.unlink(missing_ok=True)
    if progress is not None:
        progress(1.0)
    return frames / rate
