"""Makes a session's settings from a song or chart and the player's wishes. Pure: it opens no file and no port."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from companion.errors import UsageError
from companion.music.instruments import BAND, DRUM_NAMES, find_program, program_name
from companion.music.units import DRUM_CHANNEL
from companion.practice.song_file import Part, SongFile, find_part
from companion.session.api.settings import (
    ClockSettings,
    ModelSettings,
    PracticeSettings,
    SessionSettings,
    Song,
    TrackSettings,
)
from companion.session.practice.loop import Loop, check_loop
from companion.session.practice.practising import check_practice
from companion.session.practice.trainer import first_pass

PLAYER_NAME = "you"
CHART_FILLS = ("bass", "drums", "comping")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the player asked for. Texts are as typed, in the forms that `companion practice --help` shows.

    loop: "9-16" or "9"; tempo: "80%" or BPM; trainer: "70:110:+4" in percent; fills: a part, an instrument, or NAME:PROGRAM.
    """

    me: str = ""
    fills: tuple[str, ...] = ()
    guide: bool = False
    tempo: str = "100%"
    transpose: int = 0
    loop: str = ""
    trainer: str = ""
    needs: float = 0.0
    key_step: int = 0
    keep_fills: bool = False
    chords_audible: bool = False


def song_settings(
    song_file: SongFile, wishes: Wishes, clock: ClockSettings | None = None, model: ModelSettings | None = None
) -> SessionSettings:
    """A session on a song file: its parts as backing, `me` silent or as a guide, `fills` the companion's."""
    tracks = _song_tracks(song_file, wishes)
    return _settings(song_file.song, tracks, wishes, clock, model, _together(tracks, song_file.parts))


def chart_settings(
    song: Song, wishes: Wishes, clock: ClockSettings | None = None, model: ModelSettings | None = None
) -> SessionSettings:
    """A session on a chart (its song has the comping as its only track): bass, drums and comping are the companion's."""
    if wishes.me:
        raise UsageError("--me: a chord chart has no written part to compare you with")
    chords = song.score.tracks[0]
    tracks = [
        TrackSettings(PLAYER_NAME, "human"),
        TrackSettings(chords.name, "backing" if wishes.chords_audible else "silent", chords.program, song_track=0),
        *(_added(text) for text in wishes.fills or CHART_FILLS),
    ]
    if not wishes.loop:  # a chart is a form that repeats until it is stopped
        wishes = replace(wishes, loop=f"1-{song.score.bar_count}")
    return _settings(song, tracks, wishes, clock, model)


def parse_loop(text: str, bar_count: int) -> Loop | None:
    """ "9-16" or "9" (bars as players count them) → [start, end) from 0; UsageError if the song has no such bars."""
    if not text:
        return None
    match = re.fullmatch(r"\s*(\d+)\s*(?:[-–:]\s*(\d+))?\s*", text)
    if not match:
        raise UsageError(f"--loop {text!r}: expected bars like 9-16")
    first, last = int(match.group(1)), int(match.group(2) or match.group(1))
    if first > last:
        raise UsageError(f"--loop {text}: the first bar comes after the last (like 9-16)")
    return check_loop((first - 1, last), bar_count)


def parse_tempo(text: str, written_bpm: float) -> float:
    """ "80%" or a BPM for the beginning → tempo factor."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(%?)\s*(?:bpm)?\s*", text, re.IGNORECASE)
    if not match:
        raise UsageError(f"--tempo {text!r}: expected something like 80% or 96")
    value = float(match.group(1))
    return value / 100 if match.group(2) else value / written_bpm


def parse_trainer(text: str) -> tuple[float, float, float] | None:
    """ "70:110:+4" (percent of the written tempo: from, to, step) → factors."""
    if not text:
        return None
    number = r"(\d+(?:\.\d+)?)%?"
    match = re.fullmatch(rf"\s*{number}\s*:\s*{number}\s*:\s*([+-]?){number}\s*", text)
    if not match:
        raise UsageError(f"--trainer {text!r}: expected FROM:TO:STEP in percent, like 70:110:+4")
    start, goal, step = (float(match.group(group)) / 100 for group in (1, 2, 4))
    down = match.group(3) == "-" or (not match.group(3) and goal < start)
    return start, goal, -step if down else step


def parse_share(text: str) -> float:
    """ "90%" or "90" → 0.9; empty → 0."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%?\s*", text or "0")
    if not match or not 0 <= float(match.group(1)) <= 100:
        raise UsageError(f"{text!r}: expected a share like 90%")
    return float(match.group(1)) / 100


def _settings(
    song: Song,
    tracks: Sequence[TrackSettings],
    wishes: Wishes,
    clock: ClockSettings | None,
    model: ModelSettings | None,
    together: Mapping[int, int] = MappingProxyType({}),
) -> SessionSettings:
    practice = PracticeSettings(
        tempo_factor=parse_tempo(wishes.tempo, song.tempo_changes[0][1]),
        transpose=wishes.transpose,
        loop=parse_loop(wishes.loop, song.score.bar_count),
        trainer=parse_trainer(wishes.trainer),
        trainer_needs_accuracy=wishes.needs,
        key_step=wishes.key_step,
        guide=wishes.guide,
        keep_fills=wishes.keep_fills,
    )
    check_practice(song, practice)
    first_bar = practice.loop[0] if practice.loop else 0
    clock = replace(
        clock or ClockSettings(source="internal"),
        bpm=song.tempo_changes[0][1] * first_pass(practice).tempo_factor,
        time_signature=song.score.tracks[0].bars[first_bar].time_signature,
    )
    return SessionSettings(
        tracks=assign_channels(tracks, together),
        clock=clock,
        model=model or ModelSettings(),
        song=song,
        practice=practice,
    )


def _song_tracks(song_file: SongFile, wishes: Wishes) -> list[TrackSettings]:
    """The player first, then the file's parts in order, then parts that the file lacks."""
    mine = find_part(song_file.parts, wishes.me) if wishes.me else None
    filled, added = _filled_parts(song_file.parts, wishes.fills)
    if mine and mine.number in filled:
        raise UsageError(f"part {mine.number} cannot be both yours (--me) and the companion's (--fill)")
    player = TrackSettings(PLAYER_NAME, "human")
    if mine:
        player = replace(player, program=mine.program, is_drum=mine.is_drum, song_track=mine.number - 1)
    tracks = [player]
    for part in song_file.parts:
        role = "companion" if part.number in filled else "backing"
        if mine and part.number == mine.number:
            role = "backing" if wishes.guide else "silent"
        tracks.append(
            TrackSettings(
                part.name or part.instrument,
                role,
                part.program,
                part.is_drum,
                None if part.channel is None else part.channel - 1,
                song_track=part.number - 1,
            )
        )
    return [*tracks, *added]


def _together(tracks: Sequence[TrackSettings], parts: Sequence[Part]) -> dict[int, int]:
    """Tracks that share the channel of an earlier one, because the file has both on one channel and changes its program."""
    voices = {part.number - 1: part.voice for part in parts}
    first: dict[tuple[int, str], int] = {}
    together: dict[int, int] = {}
    for index, track in enumerate(tracks):
        if track.role != "human" and track.song_track is not None:
            earlier = first.setdefault((voices[track.song_track], track.role), index)
            if earlier != index:
                together[index] = earlier
    return together


def _filled_parts(parts: Sequence[Part], fills: Iterable[str]) -> tuple[set[int], list[TrackSettings]]:
    """Numbers of the file's parts that are the companion's, and parts to add."""
    filled: set[int] = set()
    added: list[TrackSettings] = []
    for text in fills:
        if ":" in text:
            added.append(_added(text))
            continue
        try:
            filled.add(find_part(parts, text).number)
        except UsageError:
            if text.lower() not in BAND and text.lower() not in DRUM_NAMES:
                raise
            if any(text.lower() in f"{part.name} {part.instrument}".lower() for part in parts):
                raise  # there are several, and the player must choose one
            added.append(_added(text))
    return filled, added


def _added(text: str) -> TrackSettings:
    """NAME:PROGRAM, or the name of an instrument of a band, as a companion's part."""
    name, _, program = (piece.strip() for piece in text.partition(":"))
    if (program or name).lower() in DRUM_NAMES:
        return TrackSettings(name, "companion", 0, True, DRUM_CHANNEL)
    if not program and name.lower() in BAND:
        return TrackSettings(name, "companion", BAND[name.lower()])
    try:
        return TrackSettings(name, "companion", find_program(program or name))
    except ValueError as error:
        raise UsageError(
            f"--fill {text!r}: {error} (NAME:PROGRAM, like Strings:49 or Strings:string ensemble 1)"
        ) from None


def assign_channels(
    tracks: Sequence[TrackSettings], together: Mapping[int, int] = MappingProxyType({})
) -> tuple[TrackSettings, ...]:
    """An output channel for every part but the player's: its own, if no other sound has it, else a free one.

    With more sounds than channels the rest share with the part whose instrument is nearest. together: index of a track → index of
    an earlier one whose channel it has to share.
    """
    sounds: dict[int, TrackSettings] = {}
    assigned: list[TrackSettings] = []
    for index, track in enumerate(tracks):
        if track.role == "human":
            assigned.append(track)
            continue
        if index in together:
            channel = assigned[together[index]].channel
            assigned.append(replace(track, channel=channel))
            continue
        channel = DRUM_CHANNEL if track.is_drum else _channel_for(track, sounds)
        sounds.setdefault(channel, track)
        assigned.append(replace(track, channel=channel))
    return tuple(assigned)


def _channel_for(track: TrackSettings, sounds: dict[int, TrackSettings]) -> int:
    if track.channel is not None and track.channel != DRUM_CHANNEL and track.channel not in sounds:
        return track.channel
    same = [channel for channel, other in sounds.items() if not other.is_drum and other.program == track.program]
    free = [channel for channel in range(16) if channel != DRUM_CHANNEL and channel not in sounds]
    if same and (len(free) < 4 or track.channel in same):
        return same[0]
    if free:
        return free[0]
    melodic = [channel for channel in sounds if channel != DRUM_CHANNEL]
    return min(melodic, key=lambda channel: abs(sounds[channel].program - track.program))


def describe_tracks(settings: SessionSettings) -> list[str]:
    """One line for each part, for the terminal: who plays what."""
    verbs = {"human": "yours", "companion": "the companion's", "backing": "as written", "silent": "silent"}
    return [
        f"{track.name:<24} {program_name(track.program, track.is_drum):<24} {verbs[track.role]}"
        for track in settings.tracks
    ]
