"""Which chord each bar has: written, held, heard or expected; and what the engine is told of it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.charts.reader import parse_chart
from companion.errors import UsageError
from companion.harmony.guide import guide_bars
from companion.midi.messages import NoteOn
from companion.practice.chart_song import chart_to_song
from companion.session.api.effects import Generate, Notice, SendMidi
from companion.session.api.settings import ChordSettings, ChordZone, ClockSettings, SessionSettings, TrackSettings
from companion.session.chords.written import read_progression
from companion.session.chords.zone import check_zones, read_zone, write_zone
from tests.session.session_stage import READY, Stage, wish

BAR = 2.0  # seconds, at 120 BPM
LISTENING = ChordSettings()
CHORDS = {"C": (48, 64, 67), "F": (53, 65, 69), "G7": (55, 65, 71), "Am": (57, 64, 72)}


def stage(chords=LISTENING, song=None, thru=False):
    tracks = [TrackSettings("you", "human"), TrackSettings("bass", "companion", 32)]
    if song:
        tracks.append(TrackSettings("Chords", "silent", song_track=0))
    clock = ClockSettings("internal", 120.0, send_clock=False)
    made = Stage(SessionSettings(tuple(tracks), clock, chords=chords, song=song, thru=thru))
    made.at(0, READY)
    return made


def comp(made, *bars, start=0.5):
    """The chords, one a bar, from the first bar on."""
    for index, name in enumerate(bars):
        for pitch in CHORDS[name]:
            made.play(start + BAR * index + 0.01, pitch, BAR - 0.1)


def jobs(made):
    """The last request of each bar."""
    return {
        effect.job.first_bar + effect.job.targets[0][1]: effect.job
        for _, effect in made.log
        if isinstance(effect, Generate)
    }


def texts(spans):
    return spans and [span.chord.text if span.chord else None for span in spans]


def start(made, seconds=0.5):
    made.at(seconds, wish("start"))


def test_a_progression_goes_round_and_its_guide_is_in_every_request():
    made = stage(ChordSettings("Dm7 | G7 C | N.C."))
    start(made)
    made.run(0.5 + 7 * BAR)
    found = jobs(made)
    assert [texts(found[bar].chords) for bar in (2, 3, 4, 5)] == [[None], ["Dm7"], ["G7", "C"], [None]]
    assert found[2].guide == ()
    assert found[4].guide[0].duration_ticks == 950


def test_a_progression_played_once_is_followed_by_listening():
    made = stage(ChordSettings("C | F", loop=False))
    start(made)
    comp(made, "C", "F", "C", "C")
    made.run(0.5 + 4 * BAR)
    assert texts(made.session.snapshot(made.now).chords.bars[1].spans) == ["F"]
    assert made.session.snapshot(made.now).chords.bars[2].spans[0].source == "heard"


def test_a_charts_guide_is_as_trained_and_its_comping_may_leave():
    song = chart_to_song(parse_chart("| Dm7 | G7 | Cmaj7 | A7 |"))
    made = stage(song=song)
    start(made)
    made.run(0.5 + 5 * BAR)
    found = jobs(made)
    bars = [[replace(span) for span in bar] for bar in read_progression("Dm7 | G7 | Cmaj7 | A7")]
    expected = guide_bars(bars)
    assert [found[bar].guide for bar in (1, 2, 3)] == list(expected[1:4])
    silent = [found[2].window.tracks[at].name for at in found[2].chord_tracks]
    assert silent == ["Chords"]


def test_a_songs_chords_are_transposed_with_it():
    made = stage(song=chart_to_song(parse_chart("| Dm7 | G7/B | C | C |")))
    made.at(0.1, wish("transpose", semitones=2))
    start(made)
    made.run(0.5 + 3 * BAR)
    assert texts(jobs(made)[1].chords) in (["A7/Db"], ["A7/C#"])


def test_what_is_held_in_the_chord_zone_is_the_chord_and_neither_sounds_nor_counts():
    made = stage(ChordSettings(zones=(ChordZone(0, 59),)), thru=True)
    start(made)
    for pitch in (45, 48, 52):
        made.play(1.0, pitch, 0.4)
    made.play(1.2, 72, 0.4)
    made.run(0.5 + 3 * BAR)
    assert texts(jobs(made)[2].chords) == ["Am"]
    messages = [effect.message for _, effect in made.log if isinstance(effect, SendMidi) and effect.source == -1]
    passed = {message.key for message in messages if isinstance(message, NoteOn)}
    assert passed == {72}
    assert [note.pitch for note in made.session.capture.notes(0, 0, 100.0)] == [72]


def test_a_zone_that_is_not_latched_lets_go():
    made = stage(ChordSettings(zones=(ChordZone(0, 59, latched=False, counts=True),)))
    start(made)
    for pitch in (45, 48, 52):
        made.play(1.0, pitch, 0.4)
    made.run(0.5 + BAR + 0.1)  # chords are named a moment behind the bar line
    assert made.session.snapshot(made.now).chords.bars[0].spans[0].source == "heard"
    assert texts(made.session.snapshot(made.now).chords.bars[0].spans) == ["Am"]


def test_a_note_off_follows_its_note_on_when_the_zone_has_changed_in_between():
    made = stage(ChordSettings(zones=(ChordZone(0, 59),)))
    start(made)
    made.play(1.0, 45, 0.6)
    made.at(1.2, wish("set_chord_zone", split=0))
    made.run(3.0)
    assert made.session.counters["unpaired_offs"] == 0


def test_a_vamp_is_expected_to_go_on_and_a_change_of_chord_every_bar_is_not_known():
    vamp = stage()
    start(vamp)
    comp(vamp, *["C"] * 7)
    vamp.run(0.5 + 7 * BAR)
    assert texts(jobs(vamp)[6].chords) == ["C"]
    assert jobs(vamp)[6].chords[0].source == "expected"
    walk = stage()
    start(walk)
    comp(walk, "C", "F", "G7")
    walk.run(0.5 + 3 * BAR)
    assert jobs(walk)[2].chords is None
    assert jobs(walk)[2].guide is None


def test_where_the_form_comes_round_its_chords_are_expected():
    made = stage()
    start(made)
    form = ("C", "F", "G7", "Am")
    comp(made, *form * 3)
    made.run(0.5 + 11 * BAR)
    found = jobs(made)
    assert [texts(found[bar].chords) for bar in (9, 10)] == [["F"], ["G7"]]


def test_an_expected_chord_can_be_overwritten_and_the_form_remembers_it():
    made = stage()
    start(made)
    comp(made, *("C", "F", "G7", "Am") * 4)
    made.at(0.5 + 8.2 * BAR, wish("set_chord", bar=9, text="Fm6"))
    made.run(0.5 + 13.8 * BAR)
    found = jobs(made)
    assert texts(found[9].chords) == ["Fm6"]
    assert texts(found[13].chords) == ["Fm6"]


def test_a_bar_of_the_progression_is_overwritten_for_every_round():
    made = stage(ChordSettings("C | F"))
    made.at(0.2, wish("set_chord", bar=1, text="Dm7 G7"))
    start(made)
    made.run(0.5 + 5 * BAR)
    assert texts(jobs(made)[3].chords) == ["Dm7", "G7"]


def test_a_progression_changed_while_playing_begins_with_the_next_open_bar():
    made = stage(ChordSettings("C"))
    start(made)
    made.at(0.5 + 1.2 * BAR, wish("set_progression", text="F | G7"))
    made.run(0.5 + 5 * BAR)
    found = jobs(made)
    assert [texts(found[bar].chords) for bar in (2, 3, 4)] == [["F"], ["G7"], ["F"]]


def test_the_picture_says_how_long_the_progression_is_and_where_it_began():
    made = stage(ChordSettings("C | F | G7"))
    start(made)
    made.at(0.5 + 1.2 * BAR, wish("set_progression", text="F | G7"))
    made.run(0.5 + 2.2 * BAR)
    view = made.session.snapshot(made.now).chords
    assert (view.progression_bars, view.progression_start) == (2, 2)
    first = next(bar for bar in view.bars if bar.bar == 2)
    assert texts(first.spans) == ["F"]


def test_a_progression_that_cannot_be_read_names_symbol_and_place():
    made = stage()
    made.at(0.2, wish("set_progression", text="C | Xm7 | F"))
    made.run(0.3)
    said = [effect.text for _, effect in made.log if isinstance(effect, Notice)]
    assert any("bar 2: chord 'Xm7'" in text for text in said)


@pytest.mark.parametrize(
    ("zones", "fault"),
    [
        ([ChordZone(0, 52), ChordZone(40, 60)], "0-52 and 40-60 overlap"),
        ([ChordZone(60, 52)], "60-52"),
        ([ChordZone(0, 200)], "0-200"),
    ],
)
def test_zones_that_cannot_be(zones, fault):
    with pytest.raises(UsageError, match=fault):
        check_zones(zones)
    check_zones([ChordZone(0, 52, "keys"), ChordZone(0, 52, "other")])


@given(
    st.builds(
        ChordZone, st.integers(0, 60), st.integers(60, 127), st.just(""), st.booleans(), st.booleans(), st.booleans()
    )
)
def test_a_zone_that_is_written_is_read_back(zone):
    assert read_zone(write_zone(zone)) == zone


@pytest.mark.parametrize("text", ["", "x", "-52", "36-52 loud", "36 52"])
def test_a_zone_that_cannot_be_read(text):
    with pytest.raises(UsageError, match="chord zone"):
        read_zone(text)


def test_the_key_is_on_the_picture():
    made = stage()
    start(made)
    comp(made, "C", "F", "G7", "C")
    made.run(0.5 + 5 * BAR)
    assert made.session.snapshot(made.now).chords.key == "C"
