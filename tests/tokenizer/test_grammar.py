"""Legal sets equal midigpt's but for the listed corrections; whatever walk the grammar allows decodes cleanly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.errors import TokenizerError
from companion.music import TimeSignature
from companion.tokenizer import Grammar, Tokenizer, TokenType, Vocabulary, WrittenBar
from companion.tokenizer.token_types import ATTRIBUTES, TRACK_ATTRIBUTE_ORDER
from tests import golden

T = TokenType
RECORDS = golden.load("grammar")
VOCABULARIES = {name: Vocabulary(golden.config(name)) for name in (*golden.SHIPPED, "expressive_new")}
LEGACY = {name: Grammar(vocabulary, legacy=True) for name, vocabulary in VOCABULARIES.items()}
OURS = {name: Grammar(vocabulary) for name, vocabulary in VOCABULARIES.items()}
YELLOW = Tokenizer(golden.config("yellow"))
METERS = YELLOW.config.time_signatures


def start(grammar, record):
    score = golden.read(record["file"])
    bars = [
        WrittenBar(score.tracks[track].is_drum, score.tracks[track].bars[bar].time_signature)
        for track, bar in sorted(record["bars"])
    ]
    limits = {key: record[key] for key in ("polyphony_hard_limit", "density_hard_limit")}
    if not record["autoregressive"]:
        return grammar.start_infill(bars, allow_rests=False, **limits)
    whole = len(bars) == record["window"][1] - record["window"][0]
    return grammar.start_autoregressive(bars, whole_track=whole, allow_rests=False, **limits)


def ids_of(state):
    return set(np.flatnonzero(state.legal()).tolist())


def types_of(vocabulary, ids):
    return {vocabulary.type_of(token_id)[0] for token_id in ids}


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: f"{r['config']}-{r['bars']}-{r['density_hard_limit']}")
def test_the_legacy_table_is_midigpts(record):
    """Step by step. Positions only in fills: in autoregressive bars they follow the meter that the walk itself chose.

    A walk that leaves a fill through BarEnd is followed up to there: what comes after is a dead end.
    """
    vocabulary = VOCABULARIES[record["config"]]
    state = start(LEGACY[record["config"]], record)
    compared = 0
    for legal, token_id in zip(record["legal_before_each"], [*record["path"], None], strict=False):
        expected = {i for first, end in legal for i in range(first, end)}
        found = ids_of(state)
        if record["autoregressive"]:
            positions = set(range(*_span(vocabulary, T.TIME_ABSOLUTE_POS)))
            expected, found = expected - positions, found - positions
        if state.last is T.BAR_ONSET_POLYPHONY_MAX:
            break  # one name for a track's and a bar's attribute: midigpt takes the bar's for the track's
        assert found == expected, (compared, state.last)
        compared += 1
        if token_id is None or (state.last is T.FILL_IN_END and vocabulary.type_of(token_id)[0] is T.BAR_END):
            break
        if not state.legal()[token_id]:
            assert vocabulary.type_of(token_id)[0] is T.TIME_ABSOLUTE_POS
            break  # beyond the bar's own meter
        state.advance(token_id)
    assert compared > 1


def _span(vocabulary, token_type):
    first, size = vocabulary.domains[token_type]
    return first, first + size


@pytest.mark.parametrize(
    "record", [r for r in RECORDS if not r["autoregressive"]], ids=lambda r: f"{r['config']}-{r['bars']}"
)
def test_our_fills_differ_only_where_midigpt_derails(record):
    vocabulary = VOCABULARIES[record["config"]]
    state = start(OURS[record["config"]], record)
    for legal, token_id in zip(record["legal_before_each"], record["path"], strict=False):
        expected = {i for first, end in legal for i in range(first, end)}
        if state.last is T.FILL_IN_END:
            expected -= {vocabulary.id(T.BAR_END)}
        assert ids_of(state) == expected
        if token_id not in expected:
            break
        state.advance(token_id)


def test_a_fill_is_followed_by_the_next_fill_and_nothing_else():
    state = YELLOW.grammar.start_infill([WrittenBar(False), WrittenBar(True)])
    state.advance(YELLOW.vocabulary.id(T.FILL_IN_END))
    assert state.forced() == YELLOW.vocabulary.id(T.FILL_IN_START)
    state.advance(state.forced())
    state.advance(YELLOW.vocabulary.id(T.FILL_IN_END))
    assert state.done
    assert not state.legal().any()
    assert state.forced() is None


def test_every_target_has_its_own_meter_and_kind():
    """Of a drum bar in 3/4 and a melodic one in 7/8, each has its own last position and its own need of durations."""
    vocabulary = YELLOW.vocabulary
    state = YELLOW.grammar.start_infill([WrittenBar(True, TimeSignature(3, 4)), WrittenBar(False, TimeSignature(7, 8))])
    assert max(v for t, v in map(vocabulary.type_of, ids_of(state)) if t is T.TIME_ABSOLUTE_POS) == 35
    state.advance(vocabulary.id(T.NOTE_ONSET, 36))
    assert T.FILL_IN_END in types_of(vocabulary, ids_of(state))
    state.advance(vocabulary.id(T.FILL_IN_END))
    state.advance(vocabulary.id(T.FILL_IN_START))
    assert max(v for t, v in map(vocabulary.type_of, ids_of(state)) if t is T.TIME_ABSOLUTE_POS) == 41
    state.advance(vocabulary.id(T.NOTE_ONSET, 60))
    assert types_of(vocabulary, ids_of(state)) == {T.NOTE_DURATION}


@pytest.mark.parametrize("allow_rests", [True, False])
def test_rests(allow_rests):
    grammar, end = YELLOW.grammar, YELLOW.vocabulary
    fill = grammar.start_infill([WrittenBar(False)], allow_rests=allow_rests)
    assert bool(fill.legal()[end.id(T.FILL_IN_END)]) is allow_rests
    bar = grammar.start_autoregressive([WrittenBar(False)], whole_track=False, allow_rests=allow_rests)
    for _ in range(2):
        bar.advance(bar.forced())
    assert bar.last is T.TIME_SIG
    assert bool(bar.legal()[end.id(T.BAR_END)]) is allow_rests


def test_structure_costs_no_choice():
    """Bar, meter, and the end of the track are forced; each bar gets its own meter."""
    vocabulary, meters = YELLOW.vocabulary, (TimeSignature(3, 4), TimeSignature(7, 8))
    state = YELLOW.grammar.start_autoregressive([WrittenBar(False, m) for m in meters], whole_track=False)
    written = []
    while not state.done:
        token_id = state.forced()
        written.append(vocabulary.id(T.BAR_END) if token_id is None else token_id)
        state.advance(written[-1])
    assert [vocabulary.describe(token_id) for token_id in written] == [
        *("Bar", "TimeSig 3/4", "BarEnd"),
        *("Bar", "TimeSig 7/8", "BarEnd"),
        "TrackEnd",
    ]


def test_whole_tracks_may_state_attributes_but_only_the_wanted_levels():
    vocabulary = YELLOW.vocabulary
    state = YELLOW.grammar.start_autoregressive([WrittenBar(False)], whole_track=True, attributes={T.MAX_POLYPHONY: 2})
    legal = {vocabulary.type_of(token_id) for token_id in ids_of(state)}
    assert (T.BAR, 0) in legal
    assert (T.MIN_POLYPHONY, 9) in legal
    assert [value for token_type, value in legal if token_type is T.MAX_POLYPHONY] == [2]


@pytest.mark.parametrize("name", golden.SHIPPED)
def test_a_track_states_each_attribute_once_and_in_order(name):
    """midigpt's table allows the same attribute again and again."""
    vocabulary = VOCABULARIES[name]
    melodic = {spec.token_type for spec in ATTRIBUTES.values() if spec.applies_to(is_drum=False)}
    known = [name for name in TRACK_ATTRIBUTE_ORDER if name in vocabulary.domains and name in melodic]
    state = OURS[name].start_autoregressive([WrittenBar(False)], whole_track=True)
    old = LEGACY[name].start_autoregressive([WrittenBar(False)], whole_track=True)
    for place, token_type in enumerate(known, start=1):
        skipping = state.clone()
        for walk in (state, old):
            walk.advance(vocabulary.id(token_type))
        assert types_of(vocabulary, ids_of(state)) == {*known[place:], T.BAR}
        assert types_of(vocabulary, ids_of(old)) >= {*known, T.BAR}
        skipping.advance(vocabulary.id(known[-1]))
        assert types_of(vocabulary, ids_of(skipping)) == {T.BAR}
    assert len(known) >= 4


def test_a_drum_track_states_what_drums_have():
    vocabulary = OURS["expressive_new"].vocabulary
    state = OURS["expressive_new"].start_autoregressive([WrittenBar(True)], whole_track=True)
    assert types_of(vocabulary, ids_of(state)) == {T.SILENCE_PROPORTION, T.NOMML, T.BAR}
    state.advance(vocabulary.id(T.BAR))
    assert types_of(vocabulary, ids_of(state)) == {T.BAR_ONSET_DENSITY, T.TIME_SIG}


def test_a_bar_states_the_levels_that_it_must():
    vocabulary = OURS["expressive_new"].vocabulary
    bar = WrittenBar(False, levels=((T.BAR_ONSET_POLYPHONY_MIN, 2),))
    state = OURS["expressive_new"].start_autoregressive([bar], whole_track=False)
    state.advance(vocabulary.id(T.BAR))
    assert types_of(vocabulary, ids_of(state)) == {T.BAR_PITCH_CLASS_SET, T.BAR_ONSET_POLYPHONY_MIN}
    skipping = state.clone()
    state.advance(vocabulary.id(T.BAR_PITCH_CLASS_SET, 5))
    for walk in (state, skipping):
        asked = vocabulary.id(T.BAR_ONSET_POLYPHONY_MIN, 2)
        assert vocabulary.id(T.BAR_ONSET_POLYPHONY_MIN, 1) not in ids_of(walk)
        walk.advance(asked)
        assert types_of(vocabulary, ids_of(walk)) == {T.BAR_ONSET_POLYPHONY_MAX, T.TIME_SIG}


def test_music_without_loudness_and_on_the_grid():
    vocabulary = OURS["expressive_new"].vocabulary
    for velocity, microtiming in ((True, True), (False, True), (True, False), (False, False)):
        bar = WrittenBar(False, velocity=velocity, microtiming=microtiming)
        found = types_of(vocabulary, ids_of(OURS["expressive_new"].start_infill([bar])))
        assert (T.VELOCITY_LEVEL in found) == velocity
        assert ({T.DELTA, T.DELTA_DIRECTION} <= found) == microtiming


def test_positions_only_rise():
    state = YELLOW.grammar.start_infill([WrittenBar(True)])
    state.advance(YELLOW.vocabulary.id(T.TIME_ABSOLUTE_POS, 30))
    state.advance(YELLOW.vocabulary.id(T.NOTE_ONSET, 36))
    first, size = YELLOW.vocabulary.domains[T.TIME_ABSOLUTE_POS]
    assert [i for i in range(size) if state.legal()[first + i]] == list(range(31, 48))


def test_a_copy_goes_its_own_way():
    state = YELLOW.grammar.start_infill([WrittenBar(True)])
    copy = state.clone()
    copy.advance(YELLOW.vocabulary.id(T.FILL_IN_END))
    assert copy.done
    assert not state.done


def test_what_is_not_legal_is_refused():
    grammar, vocabulary = YELLOW.grammar, YELLOW.vocabulary
    state = grammar.start_infill([WrittenBar(False)])
    for token_id in (vocabulary.id(T.BAR), -1, vocabulary.size):
        with pytest.raises(TokenizerError, match="not legal after FillInStart"):
            state.advance(token_id)
    with pytest.raises(TokenizerError, match="nothing"):
        grammar.start_infill([])
    with pytest.raises(TokenizerError, match="nothing"):
        grammar.start_autoregressive([], whole_track=True)


@st.composite
def walks(draw):
    """A tokenizer, bars to write, limits, and a source of choices."""
    name = draw(st.sampled_from(golden.SHIPPED))
    bars = draw(st.lists(st.builds(WrittenBar, st.booleans(), st.sampled_from(METERS)), min_size=1, max_size=4))
    limits = {
        "allow_rests": draw(st.booleans()),
        "polyphony_hard_limit": draw(st.integers(0, 3)),
        "density_hard_limit": draw(st.integers(0, 12)),
    }
    return name, bars, limits, draw(st.randoms(use_true_random=False))


@given(walks(), st.booleans())
@settings(max_examples=120, deadline=None)
def test_any_walk_ends_and_keeps_the_rules(walk, infill):
    """No dead ends; every bar within its meter; limits kept; rests only where allowed."""
    name, bars, limits, random = walk
    if not infill:
        bars = [WrittenBar(bars[0].is_drum, bar.meter) for bar in bars]
    grammar, vocabulary = OURS[name], VOCABULARIES[name]
    state = (
        grammar.start_infill(bars, **limits)
        if infill
        else grammar.start_autoregressive(bars, whole_track=False, **limits)
    )
    ends = [vocabulary.id(T.FILL_IN_END), vocabulary.id(T.BAR_END)]
    decoder, notes, steps = Tokenizer(golden.config(name)).note_decoder(bars[0].is_drum), [[] for _ in bars], 0
    while not state.done:
        legal = np.flatnonzero(state.legal())
        assert len(legal)
        finish = [token_id for token_id in ends if state.legal()[token_id]]
        token_id = finish[0] if finish and (steps > 400 or random.random() < 0.1) else int(random.choice(legal))
        state.advance(token_id)
        if state.last in (T.FILL_IN_START, T.BAR):
            decoder.start_bar(state.current_bar.is_drum)
        note = decoder.push(token_id)
        if note:
            notes[state.bar_index].append(note)
        steps += 1
        assert steps < 20_000
    for bar, its in zip(bars, notes, strict=True):
        assert its or limits["allow_rests"]
        assert all(note.onset_ticks < bar.meter.bar_ticks(12) for note in its)
        assert not limits["density_hard_limit"] or len(its) <= limits["density_hard_limit"]
        onsets = [note.onset_ticks for note in its]
        assert onsets == sorted(onsets)
        most = limits["polyphony_hard_limit"]
        assert not most or all(onsets.count(onset) <= most for onset in onsets if onset)
