"""Who has the engine: one performance at a time, with literal times."""

from __future__ import annotations

from companion.runtime.ipc.protocol import REMOTE_PROTOCOL, Goodbye, Hello, Introduce, Ping, Pong, TurnedAway, Welcome
from companion.runtime.remote_engine.reception import Reception, plain_name


def hello(performance: str, name: str = "laptop", protocol: int = REMOTE_PROTOCOL) -> Hello:
    return Hello(protocol, "0.1.0", name, performance)


def test_the_first_performance_has_the_engine_and_the_second_is_told_who_has_it():
    reception = Reception()
    assert isinstance(reception.greet(hello("one"), b"1", "key a", 0.0), Welcome)
    answer = reception.greet(hello("two", "other"), b"2", "key b", 0.5)
    assert answer == TurnedAway("busy with laptop's performance; it serves one at a time")
    assert reception.answer(Ping(7), b"1", 1.0) == Pong(7)
    assert reception.answer(Ping(8), b"2", 1.0) == Introduce()


def test_the_engine_is_free_after_a_goodbye():
    reception = Reception()
    reception.greet(hello("one"), b"1", "key a", 0.0)
    reception.leave()
    assert isinstance(reception.greet(hello("two"), b"2", "key b", 0.1), Welcome)


def test_a_lost_connection_that_comes_back_goes_on_with_the_same_performance():
    reception = Reception()
    reception.greet(hello("one"), b"1", "key a", 0.0)
    assert isinstance(reception.greet(hello("one"), b"9", "key a", 0.2), Welcome)
    assert reception.is_served(b"9", 0.3)
    assert not reception.is_served(b"1", 0.3)


def test_another_key_cannot_take_a_performance_over_by_its_name():
    reception = Reception()
    reception.greet(hello("one"), b"1", "key a", 0.0)
    assert isinstance(reception.greet(hello("one"), b"2", "key b", 4.0), TurnedAway)


def test_a_performance_that_was_killed_gives_way_to_the_next_one_of_its_machine_after_a_second():
    reception = Reception()
    reception.greet(hello("one"), b"1", "key a", 0.0)
    reception.is_served(b"1", 3.0)
    assert isinstance(reception.greet(hello("two"), b"2", "key a", 3.9), TurnedAway)
    assert isinstance(reception.greet(hello("two"), b"2", "key a", 4.1), Welcome)


def test_a_guest_that_is_silent_for_five_seconds_has_gone():
    reception = Reception()
    reception.greet(hello("one"), b"1", "key a", 0.0)
    reception.is_served(b"1", 10.0)
    assert not reception.is_silent(14.9)
    assert reception.is_silent(15.1)


def test_another_version_of_the_messages_is_turned_away_in_words():
    answer = Reception().greet(hello("one", protocol=REMOTE_PROTOCOL + 1), b"1", "key", 0.0)
    assert isinstance(answer, TurnedAway)
    assert "install the same version on both machines" in answer.reason


def test_a_goodbye_from_a_stranger_needs_no_answer():
    assert Reception().answer(Goodbye(), b"1", 0.0) is None


def test_names_from_outside_cannot_write_on_the_terminal():
    assert plain_name("\x1b[31mred\r\n" + "x" * 100) == "31mred" + "x" * 34
    assert plain_name("\x00") == "a guest"
