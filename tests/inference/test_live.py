"""Live infill: the prompt is arranged so that nearly all of it is prefilled while the bar is still being played."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from companion.errors import GenerationCancelled
from companion.inference.live import LiveInfill, LiveJob
from companion.inference.live.layout import single_tracks, track_order, voice_limit, window_start
from companion.music import Bar

# The player is track 0, playing bar 5; tracks 1 and 3 are ours and need bar 6; track 2 is known backing.
FUTURE = frozenset({(0, 6), (0, 7), (1, 7), (3, 7)})


@pytest.fixture
def live(engine_of):
    infill = LiveInfill(engine_of("yellow"))
    infill.forget()
    return infill


@pytest.fixture
def job(band):
    return LiveJob(band, ((1, 6), (3, 6)), hidden=FUTURE, growing=frozenset({(0, 5)}), seed=3, density_hard_limit=8)


def played_so_far(job: LiveJob, notes: int) -> LiveJob:
    player = job.window.tracks[0]
    bar = Bar(player.bars[5].notes[:notes], player.bars[5].time_signature)
    return replace(job, window=job.window.with_track(0, player.with_bar(5, bar)))


@pytest.fixture
def one_track(job):
    return replace(job, targets=((3, 6),), hidden=job.hidden | {(1, 6)})


def test_the_player_stands_late_and_the_track_to_write_last(one_track):
    assert track_order(one_track) == [1, 2, 0, 3]
    assert track_order(replace(one_track, growing=frozenset({(0, 5), (2, 4)}))) == [1, 0, 2, 3]


def test_tracks_are_written_one_by_one_each_hearing_the_ones_before(live, job):
    first, second = single_tracks(job)
    assert first.targets == ((1, 6),)
    assert (3, 6) in first.hidden
    assert second.targets == ((3, 6),)
    assert (1, 6) not in second.hidden
    whole = live.generate(job)
    assert set(whole.takes[0].bars) == {(1, 6), (3, 6)}
    alone = live.generate(first)
    assert whole.takes[0].bars[1, 6] == alone.takes[0].bars[1, 6]
    # what the first track was given is in the second one's prompt, at one token a note or more
    notes = len(alone.takes[0].bars[1, 6])
    assert notes > 0
    track = job.window.tracks[1]
    unheard = replace(second, window=job.window.with_track(1, track.with_bar(6, Bar((), track.bars[6].time_signature))))
    assert whole.prompt_tokens - alone.prompt_tokens >= live.generate(unheard).prompt_tokens + notes


def test_only_the_growing_bar_is_new_at_request_time(live, one_track):
    job = one_track
    early = live.prefill(played_so_far(job, 1))
    assert early.new_tokens > 200
    result = live.generate(job)
    assert result.reused_tokens == early.new_tokens
    assert result.reused_tokens + result.new_tokens == result.prompt_tokens - 1
    assert result.new_tokens <= 4 + 4 * len(job.window.tracks[0].bars[5].notes)
    assert live.generate(job).reused_tokens == result.reused_tokens


def test_prefilling_changes_nothing_but_time(engine_of, job):
    warm = LiveInfill(engine_of("yellow"))
    warm.forget()
    cold = warm.generate(job)
    warm.prefill(played_so_far(job, 0))
    warm.generate(played_so_far(replace(job, seed=99), 2))
    assert warm.generate(job).takes == cold.takes


def test_notes_stream_with_the_windows_numbers(live, job):
    notes, bars = {}, []
    result = live.generate(
        replace(job, takes=2),
        lambda track, bar, note, take: notes.setdefault((take, track, bar), []).append(note),
        lambda track, bar, take: bars.append((take, track, bar)),
    )
    assert sorted(bars) == [(take, track, 6) for take in (0, 1) for track in (1, 3)]
    for number, take in enumerate(result.takes):
        assert take.finished
        assert set(take.bars) == {(1, 6), (3, 6)}
        for (track, bar), written in take.bars.items():
            assert tuple(notes.get((number, track, bar), ())) == written


def test_takes_in_a_batch_equal_takes_one_by_one(live, one_track):
    job = one_track
    together = live.generate(replace(job, takes=3)).takes
    alone = [live.generate(replace(job, first_take=number)).takes[0] for number in range(3)]
    assert list(together) == alone
    assert len({take.ids for take in together}) == 3


@pytest.mark.parametrize(("level", "most"), [(0, 1), (1, 2)])
def test_a_wanted_number_of_voices_binds(live, one_track, level, most):
    free = live.generate(one_track).takes[0].bars[3, 6]
    held = live.generate(replace(one_track, attributes={3: {"max_polyphony": level}})).takes[0].bars[3, 6]
    together = Counter(note.onset_ticks for note in held)
    assert free
    assert held
    assert max(together.values()) <= most


def test_the_top_level_is_any_number_ofvoice_limit(one_track):
    assert voice_limit(replace(one_track, attributes={3: {"max_polyphony": 9}})) == 0
    assert voice_limit(replace(one_track, attributes={3: {"max_polyphony": 4}}, polyphony_hard_limit=3)) == 3


def test_prefill_can_be_cancelled_between_chunks_and_goes_on_later(live, job):
    asked = []

    def cancel() -> bool:
        asked.append(True)
        return len(asked) > 2

    with pytest.raises(GenerationCancelled):
        live.prefill(job, cancel)
    rest = live.prefill(job)
    assert rest.reused_tokens == 256
    assert rest.new_tokens > 0


def test_growing_bars_do_not_count_for_attributes(live, job):
    """Else one more note would change a token near the start of the prompt and nothing could be reused."""
    prompts = [live._prepare(played_so_far(job, notes))[0] for notes in range(5)]
    start = prompts[0].cell_spans[1, 5][0]  # the player's track is the second of four: backing, player, ours
    assert len({tuple(prompt.ids[:start]) for prompt in prompts}) == 1
    assert len({tuple(prompt.ids) for prompt in prompts}) == 5


def test_a_window_too_long_for_the_model_loses_context_tracks_first(checkpoint_of, tmp_path, job):
    from companion.inference.engine import InferenceEngine
    from tests.inference.conftest import random_checkpoint

    small = LiveInfill(
        InferenceEngine.from_checkpoint(random_checkpoint("yellow", tmp_path / "s.pt", n_positions=400), "reference")
    )
    result = small.generate(job)
    assert 2 in result.dropped_tracks
    assert set(result.takes[0].bars) == {(1, 6), (3, 6)}
    assert all(take.finished for take in result.takes)


def test_the_window_starts_at_zero_then_slides_or_hops():
    assert [window_start(target, 8) for target in (0, 5, 7, 8, 9)] == [0, 0, 0, 1, 2]
    start, starts = None, []
    for target in range(7, 16):
        start = window_start(target, 8, start, hop=3)
        starts.append(start)
        assert start <= target < start + 8
    assert starts == [0, 3, 3, 3, 6, 6, 6, 9, 9]


def test_a_mode_the_checkpoint_lacks_is_refused(live, job):
    from companion.errors import RequestValidationError

    with pytest.raises(RequestValidationError, match="MaskBar"):
        live.generate(replace(job, mask_mode="token"))


@pytest.mark.parametrize(("cache_set", "found"), [(1, True), (0, False)])
def test_the_rest_of_a_bar_finds_its_caches_though_the_next_bar_was_prefilled_in_the_other_set(
    live, job, cache_set, found
):
    live.prefill(job)
    known = live.generate(job).reused_tokens
    # The next bar's window begins a bar later, so that nothing of it is like this one's.
    later = replace(job.window, tracks=tuple(replace(t, bars=(*t.bars[1:], t.bars[0])) for t in job.window.tracks))
    live.prefill(replace(job, window=later, cache_set=cache_set))
    rest = replace(
        job,
        hidden=job.hidden - {(0, 6)},
        growing=frozenset({(0, 5), (0, 6)}),
        forced={1: job.window.tracks[1].bars[6].notes[:1], 3: job.window.tracks[3].bars[6].notes[:1]},
        from_beat=2.0,
    )
    reused = live.generate(rest).reused_tokens
    assert (reused > known / 2) is found


def test_a_request_for_one_of_the_parts_uses_that_parts_cache(live, job, one_track):
    live.prefill(job)
    assert live.generate(one_track).reused_tokens > 0
