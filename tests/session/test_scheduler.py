from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from companion.midi.messages import ControlChange, NoteOff, NoteOn
from companion.session.api.effects import SendMidi
from companion.session.output.scheduler import THRU, Scheduler, Voice

BASS = Voice(1, "", 1)


def seconds(position: float) -> float:
    return position / 2  # 120 BPM


def make(**latency: float) -> tuple[Scheduler, list[SendMidi]]:
    sent: list[SendMidi] = []
    return Scheduler(sent.append, {port.replace("default", ""): value for port, value in latency.items()}), sent


def shape(sent: list[SendMidi]) -> list[tuple[float, str, int]]:
    return [(e.due_seconds, "on" if isinstance(e.message, NoteOn) else "off", e.message.key) for e in sent]  # type: ignore[union-attr]


def test_a_note_and_its_end():
    scheduler, sent = make()
    scheduler.add(BASS, 0, 40, 90, 1.0, 2.0)
    assert scheduler.next_due(seconds) == 0.5
    scheduler.run(0.5, seconds)
    assert scheduler.next_due(seconds) == 1.0
    scheduler.run(1.0, seconds)
    assert shape(sent) == [(0.5, "on", 40), (1.0, "off", 40)]


def test_a_tempo_change_bends_what_waits():
    scheduler, sent = make()
    scheduler.add(BASS, 0, 40, 90, 1.0, 2.0)
    scheduler.run(0.5, lambda position: position)
    assert sent == []
    scheduler.run(1.0, lambda position: position)
    assert shape(sent) == [(1.0, "on", 40)]


def test_the_same_pitch_again_ends_the_first_one_first():
    scheduler, sent = make()
    scheduler.add(BASS, 0, 40, 90, 0.0, 3.0)
    scheduler.add(Voice(2, "", 1), 0, 40, 90, 1.0, 2.0)
    for time in (0.0, 0.5, 1.0, 1.5):
        scheduler.run(time, seconds)
    assert shape(sent) == [(0, "on", 40), (0.5, "off", 40), (0.5, "on", 40), (1.0, "off", 40)]


def test_touching_notes_end_before_they_begin():
    scheduler, sent = make()
    scheduler.add(BASS, 0, 40, 90, 1.0, 2.0)
    scheduler.add(BASS, 0, 40, 90, 0.0, 1.0)
    scheduler.run(0.0, seconds)
    scheduler.run(0.5, seconds)
    assert [kind for _, kind, _ in shape(sent)] == ["on", "off", "on"]


def test_what_is_late_is_dropped_but_ends_are_not():
    scheduler, sent = make()
    scheduler.add(BASS, 0, 40, 90, 0.0, 1.0)
    scheduler.run(0.0, seconds)
    scheduler.add(BASS, 0, 41, 90, 1.0, 2.0)
    scheduler.run(3.0, seconds)
    assert shape(sent) == [(0, "on", 40), (0.5, "off", 40)]
    assert scheduler.late_dropped == 1


def test_latency_sends_earlier():
    scheduler, sent = make(default=0.02)
    scheduler.add(BASS, 0, 40, 90, 1.0, 2.0)
    assert scheduler.next_due(seconds) == 0.48
    scheduler.run(0.48, seconds)
    assert len(sent) == 1


def test_stop_ends_what_sounds_and_forgets_what_waits_but_thru_lasts():
    scheduler, sent = make()
    through = scheduler.strike(Voice(THRU, "", 0), 60, 80, 0.0)
    scheduler.add(BASS, 0, 40, 90, 0.0, 4.0)
    scheduler.add(BASS, 0, 41, 90, 2.0, 4.0)
    scheduler.run(0.0, seconds)
    scheduler.stop(0.1)
    scheduler.run(9.0, seconds)
    assert [item[1:] for item in shape(sent)] == [("on", 60), ("on", 40), ("off", 40)]
    scheduler.release(through, 9.0)
    assert scheduler.sounding_count == 0


def test_a_lost_port_is_owed_its_note_offs():
    scheduler, sent = make()
    scheduler.add(BASS, 0, 40, 90, 0.0, 1.0)
    scheduler.run(0.0, seconds)
    scheduler.port_lost("")
    scheduler.add(BASS, 0, 45, 90, 1.0, 2.0)
    scheduler.run(0.5, seconds)
    assert scheduler.sounding_count == 1
    scheduler.port_back("", 0.7)
    assert [item[1:] for item in shape(sent)] == [("on", 40), ("off", 40)]


def test_panic_silences_every_channel_used():
    scheduler, sent = make()
    scheduler.add(BASS, 0, 40, 90, 0.0, 1.0)
    scheduler.run(0.0, seconds)
    scheduler.panic(0.1)
    assert [effect.message for effect in sent[1:]] == [
        NoteOff(1, 40),
        ControlChange(1, 64, 0),
        ControlChange(1, 123, 0),
        ControlChange(1, 120, 0),
    ]


steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 2), st.integers(36, 40), st.floats(-0.5, 3), st.floats(0.01, 3)),
        st.tuples(st.just("run"), st.floats(0, 1)),
        st.tuples(st.sampled_from(["stop", "panic", "lost", "back", "cancel", "silence", "tempo"])),
    ),
    max_size=60,
)


@given(steps)
def test_every_note_on_has_its_note_off(history):
    scheduler, sent = make()
    now, beat = 0.0, 0.5
    for step in history:
        position = now / beat
        if step[0] == "add":
            _, lane, key, ahead, length = step
            scheduler.add(Voice(lane, "", 1), 0, key, 90, position + ahead, position + ahead + length)
        elif step[0] == "run":
            now += step[1]
            scheduler.run(now, lambda position, beat=beat: position * beat)
        elif step[0] in ("stop", "panic"):
            getattr(scheduler, step[0])(now)
        elif step[0] == "lost":
            scheduler.port_lost("")
        elif step[0] == "back":
            scheduler.port_back("", now)
        elif step[0] == "cancel":
            scheduler.cancel(1)
        elif step[0] == "silence":
            scheduler.silence(now, [1])
        else:
            beat = 0.3 if beat == 0.5 else 0.5
    scheduler.close(now)
    on: Counter[int] = Counter()
    for effect in sent:
        if isinstance(effect.message, NoteOn):
            on[effect.message.key] += 1
            assert on[effect.message.key] == 1
        elif isinstance(effect.message, NoteOff):
            on[effect.message.key] -= 1
            assert on[effect.message.key] == 0
    assert not any(on.values())
