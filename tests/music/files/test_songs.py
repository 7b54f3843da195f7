"""Songs from bytes and back: bars, meters, time formats, and what midigpt loses or invents."""

from __future__ import annotations

import struct

import pytest

from companion.errors import MidiFileError
from companion.music import Bar, Note, Score, TimeSignature, Track
from companion.music.files import chunks
from companion.music.files.events import LYRIC, MARKER, METER, TEMPO, TEXT, TRACK_NAME, meta
from companion.music.files.songs import song_reader
from companion.music.files.songs.song_reader import song_from_bytes
from companion.music.files.songs.song_writer import song_to_bytes
from companion.music.song import FileSong
from tests import golden

FILES = sorted(golden.load("read"))
# Files in which midigpt drops notes before bar lines, or a binary fraction turns an exact half tick down.
LOST_THERE = {"synth/s04_offgrid_1024.mid": 2, "synth/s04_offgrid_960.mid": 2, "synth/s15_early_960.mid": 3}


def midi(*tracks, division=480, file_format=1):
    """A file of tracks of (tick, event bytes)."""
    data = bytearray(chunks.build(division & 0x7FFF, [list(track) for track in tracks]))
    data[8:10] = struct.pack(">H", file_format)
    data[12:14] = struct.pack(">H", division)
    return bytes(data)


def note(start, end, pitch=60, channel=0):
    return [(start, bytes((0x90 | channel, pitch, 80))), (end, bytes((0x80 | channel, pitch, 0)))]


def meter(tick, numerator, power):
    return tick, meta(METER, bytes((numerator, power, 24, 8)))


def tempo(tick, value):
    return tick, meta(TEMPO, value.to_bytes(3, "big"))


@pytest.mark.parametrize("file", FILES)
def test_files_read_as_midigpt_reads_them(file):
    record = golden.load("read")[file]
    expected, score = golden.score_of(record), golden.read(file)
    assert (score.resolution, score.tempo) == (expected.resolution, expected.tempo)
    assert [(t.program, t.is_drum) for t in score.tracks] == [(t.program, t.is_drum) for t in expected.tracks]
    assert [len(t.bars) for t in score.tracks] == [t["n_bars"] for t in record["tracks"]]
    found, wanted = ([track.bars[:8] for track in s.tracks] for s in (score, expected))
    if file not in LOST_THERE:
        assert found == wanted
        return
    saved = 0
    for mine, theirs in zip(found[0], wanted[0], strict=True):
        extra = [n for n in mine.notes if n not in theirs.notes and n.onset_ticks == 0]
        assert all(n.delta < 0 for n in extra)
        assert len(mine.notes) == len(theirs.notes) + len(extra)
        saved += len(extra)
    assert saved == LOST_THERE[file]


@pytest.mark.parametrize("file", FILES)
def test_written_songs_read_back_the_same(file):
    song = song_from_bytes(golden.midi_path(file).read_bytes())
    assert song.source is not None
    assert song_from_bytes(song_to_bytes(song)).source.file == song.source.file
    assert song_from_bytes(song_to_bytes(song)) == song


def test_a_bare_score_is_written_with_its_tempo_and_meters():
    meters = (TimeSignature(7, 8), TimeSignature(3, 4))
    bars = tuple(Bar((Note(0, 40, 60, 90), Note(100, 500, 64, 90)), m) for m in meters)
    score = Score((Track(bars, 33, False, "Bass", 2), Track(bars, 0, True, "Drums", 9)), 480, 400_000)
    assert Score.from_midi(score.to_midi()) == score


def test_deltas_of_a_coarse_grid_are_written_on_a_finer_one():
    score = Score((Track((Bar((Note(12, 12, 60, 80, -3), Note(24, 12, 62, 80, 5))),)),), 12)
    first, second = Score.from_midi(score.to_midi()).tracks[0].bars[0].notes
    assert (first.onset_ticks, second.onset_ticks) == (470, 977)


def test_tempo_map_and_markers_are_kept():
    head = [tempo(0, 500_000), (960, meta(MARKER, "Übergang".encode())), tempo(1920, 250_000)]
    song = song_from_bytes(midi(head, note(0, 4000), division=960))
    assert song.tempo_map == ((0, 500_000), (960, 250_000))
    assert song.markers == ((480, "Übergang"),)
    assert song_from_bytes(song_to_bytes(song)) == song


def test_a_meter_change_inside_a_bar_keeps_its_time():
    song = song_from_bytes(midi([meter(0, 4, 2), meter(1200, 3, 2), *note(2000, 2400)]))
    assert song.bar_starts == (0, 1200, 2640)
    assert song_from_bytes(song_to_bytes(song)) == song


def test_a_note_just_before_the_bar_line_opens_the_next_bar():
    bars = song_from_bytes(midi([*note(3839, 4800), *note(4800, 9000)], division=960)).score.tracks[0].bars
    assert bars[0].notes == ()
    assert bars[1].notes[0] == Note(0, 480, 60, 80, -240)


def test_before_the_last_bar_line_it_stays():
    (bar,) = song_from_bytes(midi(note(3839, 3840), division=960)).score.tracks[0].bars
    assert bar.notes == (Note(1919, 1, 60, 80, 240),)


def test_lyrics_make_no_tracks():
    words = [(0, meta(LYRIC, b"la")), (480, meta(LYRIC, b"la"))]
    assert len(song_from_bytes(midi(words, sorted([*words, *note(0, 480)]))).score.tracks) == 1


def test_tracks_are_split_by_channel_and_program_and_keep_their_names():
    events = [
        (0, meta(TRACK_NAME, b"Duo")),
        *note(0, 480, channel=3),
        (480, bytes((0xC3, 40))),
        *note(480, 960, channel=3),
        *note(960, 1440, 36, channel=9),
    ]
    tracks = song_from_bytes(midi(events)).score.tracks
    assert [(t.name, t.channel, t.program, t.is_drum) for t in tracks] == [
        ("Duo", 3, 0, False),
        ("Duo", 3, 40, False),
        ("Duo", 9, 0, True),
    ]


def test_sixty_four_tracks():
    score = song_from_bytes(midi(*[note(0, 480, 30 + number) for number in range(64)])).score
    assert [track.bars[0].notes[0].pitch for track in score.tracks] == list(range(30, 94))
    assert len(Score.from_midi(score.to_midi()).tracks) == 64


def test_overlapping_equal_pitches_close_first_in_first_out():
    on, off = bytes((0x90, 60, 80)), bytes((0x90, 60, 0))
    events = [(0, on), (240, on), (480, off), (960, off), (1000, on)]
    notes = song_from_bytes(midi([*events, (1400, meta(TEXT, b""))])).score.tracks[0].bars[0].notes
    assert [(n.onset_ticks, n.duration_ticks) for n in notes] == [(0, 480), (240, 720), (1000, 400)]


def test_a_note_without_length_gets_one_tick():
    assert song_from_bytes(midi(note(10, 10))).score.tracks[0].bars[0].notes == (Note(10, 1, 60, 80),)


@pytest.mark.parametrize(("rate", "ticks_a_second"), [(24, 24), (25, 25), (29, 30_000 / 1001), (30, 30)])
def test_smpte_time_is_laid_out_at_the_first_tempo(rate, ticks_a_second):
    per_frame = 40
    division = (256 - rate) << 8 | per_frame
    at = round(ticks_a_second * per_frame * 0.6)  # one beat at 100 BPM
    song = song_from_bytes(midi([tempo(0, 600_000), *note(at, 2 * at)], division=division))
    (played,) = song.score.tracks[0].bars[0].notes
    assert abs(played.onset_ticks - 480) <= 1
    assert song.tempo_map == ((0, 600_000),)


def test_patterns_of_format_2_follow_one_another():
    first = [meter(0, 3, 2), *note(0, 480), (1440, meta(0x01, b""))]
    score = song_from_bytes(midi(first, note(480, 960, 72), file_format=2)).score
    assert [[(n.onset_ticks, n.pitch) for n in bar.notes] for bar in score.tracks[1].bars] == [[], [(480, 72)]]
    assert [str(bar.time_signature) for bar in score.tracks[0].bars] == ["3/4", "4/4"]


def test_a_riff_wrapper_and_unknown_chunks_are_passed_over():
    plain = midi(note(0, 480))
    extra = plain[:14] + struct.pack(">4sI", b"XYZA", 3) + b"abc" + plain[14:]
    wrapped = b"RIFF" + struct.pack("<I", len(plain) + 12) + b"RMIDdata" + struct.pack("<I", len(plain)) + plain
    assert song_from_bytes(extra) == song_from_bytes(wrapped) == song_from_bytes(plain)


def header(tracks=1, division=480, file_format=1, size=6):
    return struct.pack(">4sIHHH", b"MThd", size, file_format, tracks, division)


def chunk(body):
    return header() + struct.pack(">4sI", b"MTrk", len(body)) + body


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "MThd"),
        (b"not a midi file at all", "MThd"),
        (header(), "no track"),
        (bytes(chunks.MAX_BYTES + 1), "bytes"),
        (header(60_000) + 60_000 * b"MTrk\x00\x00\x00\x04\x00\xff\x2f\x00", "60000 tracks"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_music_is_refused(data, fault):
    with pytest.raises(MidiFileError, match=fault):
        song_from_bytes(data)


PLAYS = b"\x00\x90\x3c\x40\x60\x80\x3c\x40"
END = b"\x00\xff\x2f\x00"


@pytest.mark.parametrize(
    ("data", "remark"),
    [
        (header(division=0) + chunk(PLAYS + END)[14:], "division 0x0000"),
        (header(division=0xE700) + chunk(PLAYS + END)[14:], "division 0xe700"),
        (header(file_format=3) + chunk(PLAYS + END)[14:], "format 3"),
        (header(size=2) + chunk(PLAYS + END)[14:], "size is 2"),
        (header(tracks=2) + chunk(PLAYS + END)[14:], "announces 2 tracks, the file has 1"),
        (chunk(PLAYS + END) + chunk(PLAYS + END)[14:], "announces 1 tracks, the file has 2"),
        (b"\0" * 128 + chunk(PLAYS + END), "before the header"),
        (chunk(PLAYS + END) + b"-- \nsent from my phone, with love", "behind the last track"),
        (chunk(PLAYS + END) + b"\0\0\0", "behind the last track"),
        (chunk(PLAYS + b"\x00\x90\x3c")[:-1], "the file ends inside the track"),
        (chunk(PLAYS), "End of Track is missing"),
        (chunk(PLAYS + b"\x00\x90\x3c"), "an event is cut off"),
        (chunk(PLAYS + b"\xff\xff\xff\xff\xff\x00" + PLAYS + END), "longer than four bytes"),
        (chunk(b"\x00\x3c\x40" + PLAYS + END), "belong to no event"),
        (chunk(b"\x00\xf4" + PLAYS + END), "system messages"),
        (chunk(b"\x00\xf8" + PLAYS + END), "real-time bytes"),
        (chunk(b"\x00\x90\xf8\x3c\xfe\x40\x60\x80\x3c\x40" + END), "real-time bytes"),
        (chunk(b"\x00\xb0\x07\xff" + PLAYS + END), "data byte above 127"),
        (chunk(b"\x00\x90\x90\x40" + PLAYS + END), "data byte above 127"),
        (chunk(b"\x00\xf0\x7f\x00" + PLAYS + END), "exclusive data with a wrong length"),
        (chunk(b"\x00\xff\x03\x7fBass" + PLAYS + END), "meta events with a wrong length"),
        (chunk(b"\x00\xff\x51\x02\x01\x02\x03" + PLAYS + END), "meta events with a wrong length"),
        (chunk(b"\x00\xff\x51\x02\x01\x02" + PLAYS + END), "impossible tempos"),
        (chunk(b"\x00\xff\x51\x03\0\0\0" + PLAYS + END), "impossible tempos"),
        (chunk(b"\x00\xff\x58\x04\x00\x02\x18\x08" + PLAYS + END), "impossible meters"),
        (chunk(b"\x00\xff\x58\x04\x04\xff\x18\x08" + PLAYS + END), "impossible meters"),
        (chunk(b"\x00\x90\x3c\x40\x00\xff\x01\x02la\x60\x3c\x00" + END), "running status"),
        (chunk(b"\x00\x90\x3c\x40\x00\xf0\x02\x01\xf7\x60\x3c\x00" + END), "running status"),
        (midi([meter(0, 1, 6), *note(0, 1)], division=1), "shorter than one tick"),
        (midi([*note(0, 480), (1 << 27, b"\xc0\x00")]), "far behind the last note"),
        (midi([*note(0, 480), *note(1 << 27, (1 << 27) + 1)]), f"behind bar {song_reader.MAX_BARS}"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_damaged_plays_with_one_remark(data, remark):
    song = song_from_bytes(data)
    assert [note.pitch for track in song.score.tracks for bar in track.bars for note in bar.notes][:1] == [60]
    (said,) = song.remarks
    assert remark in said
    assert "\n" not in said


def test_after_damage_reading_goes_on_at_the_next_track():
    noise = b"\x00\xff\x03\x83\xff\xff\xff" * 60
    first, second = chunk(PLAYS + noise + END)[14:], chunk(PLAYS + END)[14:]
    song = song_from_bytes(header(tracks=2) + first + second)
    assert len(song.score.tracks) == 2


@pytest.mark.parametrize("length", [0, 3, 16, 21, 1000, 0xFFFFFFF0])
def test_a_wrong_chunk_length_costs_no_track(length):
    body = PLAYS + PLAYS + END
    first = struct.pack(">4sI", b"MTrk", length) + body
    song = song_from_bytes(header(tracks=2) + first + chunk(PLAYS + END)[14:])
    assert [len(track.bars[0].notes) for track in song.score.tracks] == [2, 1]
    assert "length is wrong" in song.remarks[0]


def test_too_many_events_are_refused(monkeypatch):
    monkeypatch.setattr(chunks, "MAX_EVENTS", 5)
    with pytest.raises(MidiFileError, match="track 1: more than"):
        song_from_bytes(midi([event for tick in range(4) for event in note(10 * tick, 10 * tick + 5)]))


def test_what_no_file_can_hold_is_refused():
    odd = Score((Track((Bar((), TimeSignature(256, 4)),)),))
    for song, fault in (
        (odd, "256/4"),
        (Score((), 40_000), "40000"),
        (FileSong(Score(()), ((1 << 30, 1),)), "do not fit"),
    ):
        with pytest.raises(MidiFileError, match=fault):
            song_to_bytes(song)
