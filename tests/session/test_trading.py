"""Turns: by count, and by listening for silence at a bar line."""

from companion.session.trading.rules import Trader


def play(trader, start, end, key=60):
    assert not trader.player_note(0, key, True, start)
    trader.player_note(0, key, False, end)


def test_fours_alternate_from_where_they_were_set():
    trader = Trader(trade_bars=2)
    assert [trader.turn(bar) for bar in range(6)] == ["player", "player", "companion", "companion", "player", "player"]
    trader.set_trade(1, from_bar=3)
    assert [trader.turn(bar) for bar in (3, 4, 5)] == ["player", "companion", "player"]
    trader.set_trade(0, from_bar=6)
    assert trader.turn(6) == ""
    assert not trader.active


def test_an_answer_begins_on_the_bar_line_after_a_beat_of_silence():
    trader = Trader(answer=True)
    play(trader, 0.0, 2.9)
    assert trader.bar_line(1, 4.0) == "companion"
    assert trader.bar_line(2, 8.0) == "player", "as long as the phrase was"
    assert trader.bar_line(3, 12.0) == "player", "no second answer to the same phrase"


def test_no_answer_while_the_player_plays_or_holds():
    trader = Trader(answer=True)
    assert trader.bar_line(0, 0.0) == "player"
    play(trader, 2.0, 3.5)
    assert trader.bar_line(1, 4.0) == "player", "only half a beat of silence"
    trader.player_note(0, 64, True, 5.0)
    assert trader.bar_line(2, 8.0) == "player", "a held note is no silence"
    trader.player_note(0, 64, False, 8.5)
    assert trader.bar_line(3, 12.0) == "companion"
    assert [trader.bar_line(bar, 4.0 * bar) for bar in (4, 5, 6)] == ["companion", "companion", "player"]


def test_the_companion_yields_to_the_first_note():
    trader = Trader(answer=True)
    play(trader, 0.0, 1.0)
    assert trader.bar_line(1, 4.0) == "companion"
    assert trader.player_note(0, 60, True, 5.3)
    assert trader.turn(1) == "player"
    assert not trader.player_note(0, 62, True, 5.4), "it yields once"


def test_stop_forgets_held_keys_and_answers():
    trader = Trader(answer=True)
    trader.player_note(0, 60, True, 0.0)
    trader.silence()
    assert trader.bar_line(1, 4.0) == "player"
    play(trader, 4.0, 5.0)
    assert trader.bar_line(2, 8.0) == "companion"
    trader.set_answer(False)
    assert trader.turn(2) == ""
