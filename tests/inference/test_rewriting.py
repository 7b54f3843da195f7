"""Rewriting within the bar: what was played stands, and only what follows is written."""

from __future__ import annotations

from dataclasses import replace

import pytest

from companion.inference.live import LiveInfill, LiveJob
from companion.inference.live.layout import single_tracks
from companion.music import Note
from companion.tokenizer import TokenType

FUTURE = frozenset({(0, 6), (0, 7), (1, 7), (3, 7)})
PLAYED = (Note(0, 240, 45, 90), Note(480, 240, 47, 60), Note(480, 480, 52, 60))
DRUMS = (Note(0, 120, 36, 100), Note(480, 120, 38, 100))


@pytest.fixture
def live(engine_of):
    return LiveInfill(engine_of("yellow"))


@pytest.fixture
def job(band):
    """Two parts of bar 6, a melodic one and drums, whose first two beats have been played."""
    drums = next(number for number, track in enumerate(band.tracks) if track.is_drum)
    melodic = next(number for number, track in enumerate(band.tracks) if number and not track.is_drum)
    return LiveJob(
        band,
        ((melodic, 6), (drums, 6)),
        hidden=frozenset({(0, 6), (0, 7), (melodic, 7), (drums, 7)}),
        seed=3,
        density_hard_limit=12,
        forced={melodic: PLAYED, drums: DRUMS},
        from_beat=2.0,
        allow_rests=False,
    )


@pytest.mark.parametrize("seed", range(8))
def test_only_notes_from_the_beat_on_are_written_and_reported(live, job, seed):
    heard = []
    result = live.generate(replace(job, seed=seed), lambda track, bar, note, take: heard.append(((track, bar), note)))
    assert heard
    for cell, notes in result.takes[0].bars.items():
        assert [note for other, note in heard if other == cell] == list(notes)
        assert all(note.onset_ticks >= 960 for note in notes)


def test_the_fill_begins_with_what_was_played(live, job):
    part = single_tracks(job)[0]
    result = live.generate(part)
    vocabulary = live.engine.tokenizer.vocabulary
    written = [vocabulary.type_of(token) for token in result.takes[0].ids]
    pitches = [value for kind, value in written if kind is TokenType.NOTE_ONSET]
    assert pitches[:3] == [45, 47, 52]
    positions = [value for kind, value in written if kind is TokenType.TIME_ABSOLUTE_POS]
    assert positions[0] == 12
    assert all(position >= 24 for position in positions[1:])


def test_a_bar_whose_past_was_silent_begins_at_the_beat_too(live, job):
    part = replace(single_tracks(job)[0], forced={})
    for seed in range(8):
        notes = next(iter(live.generate(replace(part, seed=seed)).takes[0].bars.values()))
        assert notes
        assert notes[0].onset_ticks >= 960


def test_later_parts_are_shown_the_whole_bar(live, job):
    first, second = single_tracks(job)
    alone = live.generate(first)
    cell = first.targets[0]
    track = job.window.tracks[cell[0]]
    bar = replace(track.bars[6], notes=(*PLAYED, *alone.takes[0].bars[cell]))
    shown = replace(second, window=job.window.with_track(cell[0], track.with_bar(6, bar)))
    assert live.generate(job).prompt_tokens == alone.prompt_tokens + live.generate(shown).prompt_tokens


def test_limits_do_not_refuse_what_was_played(live, job):
    tight = replace(job, polyphony_hard_limit=1, density_hard_limit=2)
    result = live.generate(tight)
    assert result.takes[0].finished
    for cell, notes in result.takes[0].bars.items():
        assert len(notes) <= 2, cell


def test_takes_share_what_was_played(live, job):
    result = live.generate(replace(single_tracks(job)[0], takes=3))
    assert len({take.ids for take in result.takes}) == 3
    assert len({take.ids[:6] for take in result.takes}) == 1


def test_without_forced_notes_the_whole_bar_is_written(live, job):
    plain = replace(job, forced={}, from_beat=0.0)
    assert any(note.onset_ticks < 960 for notes in live.generate(plain).takes[0].bars.values() for note in notes)
