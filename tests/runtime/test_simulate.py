"""A performance in simulated time: it repeats, it replays, and its MIDI file holds what was played."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import mido
import pytest

from companion.errors import CompanionError
from companion.inference.checkpoints.hub import shipped_checkpoint
from companion.midi.file import write_midi
from companion.midi.messages import NoteOff, NoteOn
from companion.runtime.engine.worker import Worker, example_job, growing_cells, live_job
from companion.runtime.front.report import hanging_notes, onsets, report
from companion.runtime.ipc.protocol import Setup
from companion.runtime.players.demo import DemoOptions, demo_settings
from companion.runtime.players.demo_run import run_demo
from companion.runtime.players.simulate import Simulation
from companion.runtime.players.tunes import PLAYERS, TrueClock, perform
from companion.runtime.recording.music.transcript import RESOLUTION, bar_lines, song_of
from companion.runtime.recording.recorder import Log, header
from companion.runtime.recording.records import EventReceived, MessageSent, MidiArrived
from companion.runtime.recording.replay import replay
from companion.session.api.events import BarGenerated, GenerationFinished, NoteGenerated
from companion.session.api.settings import ModelSettings, Sampling

OPTIONS = DemoOptions(player="waltz", bars=5, seed=11)


@pytest.fixture(scope="module")
def worker() -> Worker:
    """The shipped checkpoint."""
    if shipped_checkpoint("yellow") is None:
        pytest.skip("no shipped checkpoint in this checkout")
    return Worker.load(ModelSettings())


@pytest.fixture(scope="module")
def log(worker: Worker) -> Log:
    """One simulated waltz."""
    return simulated()


def simulated() -> Log:
    # a worker of its own: what an earlier performance left in the cache would move the model's numbers by a rounding
    worker = Worker.load(ModelSettings())
    setup = Setup(demo_settings(OPTIONS), title="test", player=OPTIONS.player, bars=OPTIONS.bars)
    return Simulation(setup, worker).run()


def test_the_same_seed_repeats_every_record(log: Log) -> None:
    assert simulated().records == log.records


def test_it_replays_to_the_same_notes(log: Log) -> None:
    replayed = replay(log)
    assert replayed.same, replayed.first_difference
    assert any(isinstance(sent.message, NoteOn) for sent in replayed.sent)


def test_a_replay_that_differs_is_noticed(log: Log) -> None:
    without_answers = Log(
        log.header,
        tuple(r for r in log.records if not (isinstance(r, EventReceived) and isinstance(r.event, NoteGenerated))),
    )
    assert not replay(without_answers).same


def test_the_numbers(log: Log) -> None:
    numbers = report(log)
    companions = len(PLAYERS["waltz"].companions)
    assert numbers["bars"] == OPTIONS.bars * companions == sum(numbers["bars_by_ladder_step"].values())
    assert numbers["bars_fresh"] > 0
    assert numbers["hanging_notes"] == hanging_notes(log) == numbers["faults"] == 0
    assert len(onsets(log)) == numbers["notes_out"] > 0
    assert numbers["onset_error_ms"]["p99"] < 3  # simulated time: how well the clock is followed, not how fast we are


def test_the_file_has_every_note_and_the_tempo(log: Log, tmp_path: Path) -> None:
    song = song_of(log)
    write_midi(song, tmp_path / "x.mid")
    file = mido.MidiFile(tmp_path / "x.mid")
    written = [m for track in file.tracks for m in track if m.type == "note_on" and m.velocity]
    sent = [r for r in log.of_kind(MessageSent) if isinstance(r.message, NoteOn) and r.source >= 0]
    heard = [r for r in log.of_kind(MidiArrived) if isinstance(r.message, NoteOn)]
    assert len(written) == len(sent) + len(heard)
    assert [track.name for track in song.score.tracks][:1] == ["you"]
    bpm = PLAYERS["waltz"].bpm
    assert all(abs(60e6 / tempo - bpm) < 0.02 * bpm for _, tempo in song.tempo_map[:-1])
    assert {str(bar.time_signature) for track in song.score.tracks for bar in track.bars} == {"3/4"}


def test_our_own_notes_lie_on_the_models_grid(log: Log) -> None:
    ours = [track for track in song_of(log).score.tracks if track.name != "you"]
    onsets = {note.onset_ticks % (RESOLUTION // 12) for track in ours for bar in track.bars for note in bar.notes}
    assert onsets == {0}


def test_a_log_without_a_running_clock_still_becomes_a_file() -> None:
    setup = Setup(demo_settings(OPTIONS))
    records = (
        MidiArrived(1.0, "in", NoteOn(0, 60, 80)),
        MidiArrived(1.5, "in", NoteOff(0, 60)),
        MidiArrived(9.0, "in", NoteOn(0, 62, 80)),
    )
    log = Log(header(setup, 0.0), records)
    notes = [note for track in song_of(log).score.tracks for bar in track.bars for note in bar.notes]
    assert sorted(note.pitch for note in notes) == [60, 62]
    assert bar_lines(log).seconds == sorted(bar_lines(log).seconds)


@pytest.mark.parametrize("name", sorted(PLAYERS))
def test_players_perform_in_order_with_every_note_ended(name: str) -> None:
    player = PLAYERS[name]
    events = list(perform(player, TrueClock(5.0, player.bpm), len(player.bars)))
    times = [time for time, _ in events]
    assert times == sorted(times)
    ons = [data[1] for _, data in events if data[0] & 0xF0 == 0x90]
    offs = [data[1] for _, data in events if data[0] & 0xF0 == 0x80]
    assert sorted(ons) == sorted(offs)
    ticks = sum(data == b"\xf8" for _, data in events)
    assert ticks == 24 * (1 + len(player.bars) * player.time_signature.beats)
    assert [data for _, data in events if data in (b"\xfa", b"\xfc")] == [b"\xfa", b"\xfc"]


def test_an_endless_performance_is_made_as_it_goes() -> None:
    endless = perform(PLAYERS["blues"], TrueClock(0.0, 120))
    assert [next(endless)[0] for _ in range(5000)][-1] > 60


def test_jobs_stream_their_notes_bars_and_end(worker: Worker) -> None:
    job = example_job(8, seed=3)
    events: list[object] = []
    worker.generate(job, events.append)
    assert isinstance(events[-1], GenerationFinished)
    assert [event for event in events if isinstance(event, BarGenerated)] == [BarGenerated(-1, 0, 7)]
    notes = [event for event in events if isinstance(event, NoteGenerated)]
    assert all((event.track, event.bar) == (0, 7) for event in notes)
    assert events[-1].tokens > 0


def test_a_bar_that_runs_away_is_cut_unless_the_player_sets_another_limit(worker: Worker) -> None:
    job = replace(example_job(4), sampling=Sampling(temperature=5.0, top_p=1.0))  # draws nearly at random
    counts = []
    for seed in range(3):
        events: list[object] = []
        worker.generate(replace(job, seed=seed), events.append)
        counts.append(sum(isinstance(event, NoteGenerated) for event in events))
    assert max(counts) <= 48, "twelve a beat"
    assert live_job(job).density_hard_limit == 48
    assert live_job(replace(job, sampling=Sampling(density_hard_limit=5))).density_hard_limit == 5


def test_a_cancelled_job_says_nothing_more(worker: Worker) -> None:
    events: list[object] = []
    outcome = worker.generate(example_job(8), events.append, lambda: True)
    assert outcome.result is None
    assert events == []


def test_the_bar_being_played_is_the_one_before_the_hidden_ones() -> None:
    assert growing_cells(example_job(4)) == {(2, 2)}


def test_a_checkpoint_that_does_not_exist_is_one_line() -> None:
    with pytest.raises(CompanionError) as caught:
        run_demo(DemoOptions(seed=1, model=ModelSettings(checkpoint="/nowhere/x.pt")))
    assert "\n" not in str(caught.value)
