from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from companion.music import Note, TimeSignature
from companion.session.output.fallback import request_seed, vary
from companion.session.output.plan import Plan

METER = TimeSignature(4, 4)
NOTES = tuple(Note(240 * number, 200, 40 + number, 90) for number in range(8))


def drafted(plan: Plan, bar: int, pitch: int, insurance: bool = False, take: int = 0, request: int = 1) -> None:
    draft = plan.open_draft(1, bar, request, take, insurance)
    draft.notes.append(Note(0, 480, pitch, 90))
    draft.complete = True


def commit(plan: Plan, bar: int):
    cell = plan.commit(1, bar, METER, False)
    return cell.origin, [note.pitch for note in cell.notes()]


def test_notes_that_arrive_out_of_order_are_in_order_each_time_they_are_asked_for():
    draft = Plan().open_draft(1, 0, 1, 0, False)
    for pitches, note in (([62], Note(480, 10, 62)), ([60, 62], Note(0, 10, 60)), ([60, 59, 62], Note(240, 10, 59))):
        draft.notes.append(note)
        assert [each.pitch for each in draft.in_order()] == pitches
    draft.notes[0] = Note(480, 10, 70)
    assert [each.pitch for each in draft.in_order()] == [60, 59, 70]


def test_the_ladder():
    plan = Plan()
    drafted(plan, 0, 40, insurance=True)
    drafted(plan, 0, 41, request=2)
    assert commit(plan, 0) == ("fresh", [41])
    drafted(plan, 1, 42, insurance=True)
    assert commit(plan, 1) == ("older", [42])
    assert commit(plan, 2) == ("variation", [42])
    assert commit(Plan(), 0) == ("rest", [])


def test_a_rest_that_was_generated_is_fresh():
    plan = Plan()
    plan.open_draft(1, 0, 1, 0, False).complete = True
    assert commit(plan, 0) == ("fresh", [])


def test_an_unfinished_insurance_does_not_count():
    plan = Plan()
    plan.open_draft(1, 0, 1, 0, True).notes.append(NOTES[0])
    assert commit(plan, 0) == ("rest", [])


def test_a_committed_bar_does_not_change():
    plan = Plan()
    drafted(plan, 0, 40)
    commit(plan, 0)
    drafted(plan, 0, 50, request=2)
    plan.put(1, 0, NOTES, "kept")
    assert plan.notes(1, 0)[0].pitch == 40


def test_a_locked_bar_keeps_its_plan():
    plan = Plan()
    drafted(plan, 0, 40)
    assert plan.lock([1], 0, True)
    drafted(plan, 0, 50, request=2)
    assert plan.notes(1, 0)[0].pitch == 40
    assert not plan.discard([1], 0)


def test_regenerate_takes_the_other_take_and_its_page_brings_the_first_back():
    plan = Plan()
    drafted(plan, 0, 40)
    drafted(plan, 0, 45, take=1)
    before = plan.page([1], 0)
    assert plan.discard([1], 0)
    after = plan.page([1], 0)
    assert plan.notes(1, 0)[0].pitch == 45
    assert plan.restore(before)
    assert plan.notes(1, 0)[0].pitch == 40
    assert plan.page([1], 0) == before
    assert plan.restore(after)
    assert plan.notes(1, 0)[0].pitch == 45
    commit(plan, 0)
    assert not plan.restore(before), "what has been decided stays"


def test_regenerate_without_a_take_keeps_the_old_plan_until_a_new_one_comes():
    plan = Plan()
    drafted(plan, 0, 40)
    assert not plan.discard([1], 0)
    assert plan.notes(1, 0)[0].pitch == 40
    drafted(plan, 0, 50, request=2)
    assert plan.notes(1, 0)[0].pitch == 50


def test_variations_do_not_wander_off():
    plan = Plan()
    drafted(plan, 0, 40)
    commit(plan, 0)
    for bar in range(1, 12):
        commit(plan, bar)
    assert abs(plan.notes(1, 11)[0].velocity - 90) <= 6


@given(st.integers(0, 500), st.sampled_from([480, 720, 1440, 1920]), st.booleans())
def test_a_variation_is_made_of_the_bar_s_own_notes(bar, length, is_drum):
    varied = vary(NOTES, length, bar, is_drum)
    assert {(note.onset_ticks, note.pitch) for note in varied} <= {(note.onset_ticks, note.pitch) for note in NOTES}
    assert all(note.onset_ticks < length and 1 <= note.velocity <= 127 for note in varied)
    assert (0, 40) in {(note.onset_ticks, note.pitch) for note in varied}
    assert varied == vary(NOTES, length, bar, is_drum)


def test_seeds_are_repeatable_and_different():
    seeds = [request_seed(5, number) for number in range(1000)]
    assert seeds == [request_seed(5, number) for number in range(1000)]
    assert len(set(seeds)) == 1000
    assert all(0 <= seed < 2**31 for seed in seeds)
