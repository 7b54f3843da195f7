"""Makes the entries of a set list: each song is read and joined with its preset, so that it can start at once.

An entry that cannot be made is left out with one line that names it, and the others are made all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from companion.charts.comping import COMPING_NAME
from companion.config.presets import load_preset
from companion.config.set_lists import EntryTable, SetListFile
from companion.errors import CompanionError, UsageError
from companion.harmony.naming import transposed_spans
from companion.practice.setup import Wishes, assign_channels, chart_settings, song_settings
from companion.practice.song_file import load_song
from companion.practice.sources import chart_song, find_source, is_chart, is_link, link_song
from companion.session.api import limits
from companion.session.api.settings import ClockSettings, SessionSettings, SetEntry, Song, TrackSettings
from companion.session.chords.written import read_progression


@dataclass(frozen=True, slots=True)
class MadeSet:
    """The entries that can be played, and one line for each that cannot."""

    title: str
    entries: tuple[SetEntry, ...]
    complaints: tuple[str, ...]


def make_set(file: SetListFile, clock: ClockSettings, intro_bars: int = 0) -> MadeSet:
    """Make all entries. Raises UsageError if no entry can be played.

    clock: whose time it is, and the count-in. intro_bars: of entries that say nothing else, and whose presets have none.
    """
    entries: list[SetEntry] = []
    complaints = list(file.complaints)
    for table in file.entries:
        try:
            settings = entry_settings(table, file.path.parent, clock)
            intro = settings.intro_bars or intro_bars if table.intro is None else table.intro
            settings = replace(settings, intro_bars=intro)
        except CompanionError as error:
            complaints.append(f"entry {table.number} ({table.name}): {error}: this entry is skipped")
            continue
        title = table.title or (settings.song.title if settings.song else "") or table.name
        entries.append(SetEntry(title, settings, table.notes))
    if not entries:
        raise UsageError(f"{file.path}: no entry can be played ({complaints[0] if complaints else 'it has none'})")
    return MadeSet(file.title, tuple(entries), tuple(complaints))


def entry_settings(table: EntryTable, folder: Path, clock: ClockSettings) -> SessionSettings:
    """The settings with which an entry is played. folder: of the set list. Raises CompanionError."""
    preset = load_preset(_preset_name(table.preset, folder)).settings if table.preset else None
    if table.song:
        return _song_entry(table, folder, clock, preset)
    base = preset or load_preset("duo").settings
    if table.me or table.fill:
        raise UsageError("me and fill are for songs")
    if table.tempo.endswith("%"):
        raise UsageError(f'tempo = "{table.tempo}": a share needs a song, whose tempo is written')
    bpm = float(table.tempo) if table.tempo else base.clock.bpm
    chords = base.chords
    if table.progression:
        chords = replace(chords, progression=_transposed(table.progression, table.transpose))
    return replace(
        base, clock=replace(clock, bpm=bpm, time_signature=base.clock.time_signature), chords=chords, song=None
    )


def _preset_name(name: str, folder: Path) -> str:
    """A preset's file may be named from the set list's folder."""
    beside = folder / name
    return str(beside) if beside.suffix == ".toml" and beside.is_file() else name


def _song_entry(
    table: EntryTable, folder: Path, clock: ClockSettings, preset: SessionSettings | None
) -> SessionSettings:
    wishes = Wishes(me=table.me, fills=table.fill, tempo=table.tempo or "100%", transpose=table.transpose, loop="")
    model = preset.model if preset else None
    if is_link(table.song):
        settings = _chart_entry(link_song(table.song), wishes, clock, preset)
    elif is_chart(path := find_source(table.song, folder)):
        settings = _chart_entry(chart_song(path), wishes, clock, preset)
    else:
        song_file = load_song(path)
        if [track.name for track in song_file.song.score.tracks] == [COMPING_NAME]:  # a lead sheet
            settings = _chart_entry(song_file.song, wishes, clock, preset)
        else:
            settings = song_settings(song_file, wishes, clock, model)
    if fault := limits.BPM.fault(settings.clock.bpm):
        raise UsageError(f"the tempo {fault}")
    if preset is None:
        return settings
    return replace(
        settings,
        model=preset.model,
        wait_bars=preset.wait_bars,
        intro_bars=preset.intro_bars,
        thru=preset.thru,
        trading=preset.trading,
        rewrite=preset.rewrite,
        leading=preset.leading,
        snapshots=preset.snapshots,
    )


def _chart_entry(song: Song, wishes: Wishes, clock: ClockSettings, preset: SessionSettings | None) -> SessionSettings:
    """A chart with the band of the preset, unless the entry says what the companion plays."""
    settings = chart_settings(song, wishes, clock, preset.model if preset else None)
    if preset is None or wishes.fills:
        return settings
    chords = [track for track in settings.tracks if track.song_track is not None]
    return replace(settings, tracks=assign_channels(_band(preset.tracks, chords)))


def _band(band: Sequence[TrackSettings], chords: Sequence[TrackSettings]) -> list[TrackSettings]:
    """The players, the chart's chords, and the companion's parts."""
    players = [track for track in band if track.role == "human"]
    ours = [track for track in band if track.role == "companion"]
    return [*players, *chords, *ours]


def _transposed(progression: str, semitones: int) -> str:
    """A progression in another key, as it could be typed."""
    bars = read_progression(progression)
    if not semitones:
        return progression
    moved = [transposed_spans(spans, semitones) for spans in bars]
    return " | ".join(" ".join(span.chord.text if span.chord else "N.C." for span in spans) for spans in moved)
