"""Following the player's density and register: what the model is asked for, in simulated time and with literal numbers."""

from __future__ import annotations

from statistics import correlation

import pytest

from companion.music import Note
from companion.session.api.bar_commands import Undo
from companion.session.api.calls import FollowDensity, SetIntensity, StayOutOfRegister
from companion.session.api.effects import Generate, Job
from companion.session.api.limits import DRUM_DENSITY_EDGES
from companion.session.api.settings import ClockSettings, LeadingSettings, TrackSettings
from companion.session.api.transport_commands import Start
from companion.session.input.capture import CapturedNote
from companion.session.lanes import make_lane
from companion.session.leading.listening import Listening
from companion.tokenizer import measures
from tests.session.session_stage import READY, Stage, trio

ME, BASS, DRUMS, STRINGS = range(4)
# Our own clock starts at second 0.5; a bar lasts 2 s at 120 BPM, so that bar n begins at 0.5 + 2 n.


def ears(density: float = 0.0, space: float = 0.0) -> Listening:
    return Listening(LeadingSettings(follow_density=density, stay_out_of_register=space))


def play(listening: Listening, onsets: list[float], pitch: int = 72) -> None:
    for onset in onsets:
        listening.heard(CapturedNote(0, int(onset // 4), pitch, 80, onset), False, 4.0)


def lane(program: int = 48, is_drum: bool = False, index: int = 1):
    return make_lane(index, TrackSettings("x", "companion", program=program, is_drum=is_drum), ())


@pytest.mark.parametrize(
    ("onsets", "levels"), [(6, 0.0), (12, 2.5), (4, -1.46), (24, 5.0), (32, 6.0), (2, -3.96), (1, -5.21), (0, -6.0)]
)
def test_each_doubling_of_the_players_activity_is_two_and_a_half_levels(onsets: int, levels: float) -> None:
    listening = ears(1.0)
    listening.reached(8.0, 4.0)
    play(listening, [8.0 + 4.0 * step / onsets for step in range(onsets)])
    listening.reached(12.0, 4.0)
    assert listening.density_shift(3, 4.0) == pytest.approx(levels, abs=0.01)


def test_a_chord_is_one_onset_and_a_rest_is_silence() -> None:
    listening = ears(1.0)
    play(listening, [6.0, 6.01, 6.02, 7.0, 7.02, 8.0, 9.0])
    listening.reached(10.0, 4.0)
    assert listening.density_shift(2, 4.0) == pytest.approx(2.5 * -0.585, abs=0.01)
    listening.reached(12.0, 4.0)
    assert listening.density_shift(2, 4.0) == pytest.approx(2.5 * (-0.585 - 2.585) / 2, abs=0.01), "half a bar of rest"
    listening.reached(16.0, 4.0)
    assert listening.density_shift(4, 4.0) == -6.0, "silence counts as a quarter onset a beat"


def test_a_negative_depth_fills_the_gaps() -> None:
    listening = ears(-0.5)
    listening.reached(12.0, 4.0)
    assert listening.density_shift(3, 4.0) == pytest.approx(0.5 * 2.5 * 2.585, abs=0.01)
    play(listening, [12.0 + step / 4 for step in range(24)])
    assert listening.density_shift(4, 4.0) == pytest.approx(-0.5 * 2.5 * 1.41, abs=0.15)


def test_a_parts_usual_density_is_what_it_plays_while_nothing_moves_it() -> None:
    listening, part = ears(1.0), lane()
    assert listening.usual_level(part) == 2
    for bar in range(4):
        listening.played(part, bar, [Note(480 * beat // 2, 200, 60) for beat in range(8)])
    assert listening.usual_level(part) == DRUM_DENSITY_EDGES.index(8)
    listening.reached(20.0, 4.0)
    assert listening.density_shift(5, 4.0) == -6.0
    for _ in range(40):
        listening.played(part, 5, [Note(0, 200, 60)])
    assert listening.usual_level(part) == DRUM_DENSITY_EDGES.index(8), "a bar that was moved is not its own"


def test_the_edges_are_the_tokenizers() -> None:
    assert DRUM_DENSITY_EDGES == measures.DRUM_DENSITY_EDGES


@pytest.mark.parametrize(
    ("pitches", "program", "avoided"),
    [
        ([60, 76], 48, (60, 76, 0.5)),
        ([72], 48, (66, 78, 0.5)),
        ([127], 48, (121, 127, 0.5)),
        ([60, 76], 33, None),
        ([40, 76], 33, (40, 76, 0.5)),
        ([], 48, None),
    ],
)
def test_the_players_register_is_left_free(pitches: list[int], program: int, avoided: object) -> None:
    listening = ears(space=0.5)
    for number, pitch in enumerate(pitches):
        play(listening, [4.0 + number], pitch)
    assert listening.avoided(lane(program)) == avoided
    assert listening.avoided(lane(program, is_drum=True)) is None


def test_a_register_is_forgotten_after_two_bars_of_rest() -> None:
    listening = ears(space=1.0)
    play(listening, [4.0])
    listening.reached(11.9, 4.0)
    assert listening.avoided(lane()) is not None
    listening.reached(12.1, 4.0)
    assert listening.avoided(lane()) is None


# -- in a session -------------------------------------------------------------------------------------------------------


def session(bars: int = 12, busy=lambda bar: True, **leading: float) -> Stage:
    """The player plays sixteenths in busy bars, and one note in others."""
    stage = Stage(
        trio(clock=ClockSettings("internal", 120), leading=LeadingSettings(**leading)),
        answer=as_asked,
    )
    stage.at(0, READY)
    stage.at(0.5, Start())
    for bar in range(bars):
        for step in range(16 if busy(bar) else 1):
            stage.play(0.5 + 2 * bar + step * 0.125, 72 + step % 5, 0.1)
    return stage


def as_asked(job: Job, target: int) -> list[Note]:
    """An engine that writes as many notes as it is asked for."""
    track, _ = job.targets[target]
    level = job.paces.get(job.tracks[track], job.attributes[track].get("note_density"))
    count = 8 if level is None else [2, 3, 5, 8, 10, 12, 15, 18, 26, 30][level]
    return [Note(1920 * step // count, 60, 48, 90) for step in range(count)]


def jobs(stage: Stage) -> dict[int, Job]:
    """The last job of each bar."""
    found = (effect.job for _, effect in stage.log if isinstance(effect, Generate))
    return {job.first_bar + job.targets[0][1]: job for job in found}


def test_busy_and_sparse_bars_of_the_player_move_the_band_and_it_says_so_in_its_jobs() -> None:
    stage = session(busy=lambda bar: bar in range(4, 7), follow_density=1.0)
    stage.run(24)
    asked = jobs(stage)
    strings = [asked[bar].paces.get(STRINGS) for bar in (3, 6, 7, 10)]
    assert strings == [0, 4, 4, 0]
    assert BASS in asked[6].paces
    assert DRUMS not in asked[6].paces
    drums = {bar: dict(zip(asked[bar].tracks, asked[bar].attributes, strict=True))[DRUMS] for bar in (3, 6)}
    assert drums[3]["note_density"] < 2
    assert drums[6]["note_density"] > 6


def test_the_bands_density_follows_the_players_within_two_bars() -> None:
    def heard(depth: float) -> tuple[list[float], list[float]]:
        stage = session(32, lambda bar: bar // 4 % 2 == 1, follow_density=depth)
        stage.run(0.5 + 64)
        onsets = [time for time, effect in stage.sent(source=STRINGS)]
        band = [float(sum(0.5 + 2 * bar - 0.01 <= t < 2.49 + 2 * bar for t in onsets)) for bar in range(4, 32)]
        player = [float(16 if (bar - 1) // 4 % 2 == 1 else 1) for bar in range(4, 32)]
        return player, band

    assert correlation(*heard(1.0)) > 0.8
    assert correlation(*heard(-1.0)) < -0.8
    assert len(set(heard(0.0)[1])) == 1, "without the dial nothing follows"


def test_intensity_and_the_player_add_up() -> None:
    stage = session(8, follow_density=0.5)
    stage.at(9.0, SetIntensity(100))
    stage.run(16)
    drums = {bar: dict(zip(job.tracks, job.attributes, strict=True))[DRUMS] for bar, job in jobs(stage).items()}
    assert drums[6]["note_density"] == min(9, drums[3]["note_density"] + 3)


def test_the_register_goes_with_the_job_and_spares_the_bass() -> None:
    stage = session(8, stay_out_of_register=0.75)
    stage.run(16)
    assert jobs(stage)[5].avoided == {STRINGS: (68, 80, 0.75)}


def test_without_the_dials_jobs_are_as_before_and_no_beat_wakes_anybody() -> None:
    stage = session(8)
    stage.run(16)
    assert all(not job.paces and not job.avoided for job in jobs(stage).values())


def test_both_are_dials_that_show_and_can_be_undone() -> None:
    stage = session(4)
    stage.at(1.0, FollowDensity(-0.5))
    stage.at(3.0, StayOutOfRegister(1.0))
    stage.run(3.1)
    picture = stage.session.snapshot(stage.now)
    assert (picture.follow_density, picture.stay_out_of_register) == (-0.5, 1.0)
    stage.at(5.0, Undo())
    stage.at(5.1, Undo())
    stage.run(5.2)
    picture = stage.session.snapshot(stage.now)
    assert (picture.follow_density, picture.stay_out_of_register) == (0.0, 0.0)
