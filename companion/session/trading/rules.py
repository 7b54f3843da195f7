"""Whose turn it is: trading bars by count, and answering when the player rests. Pure, told of positions and notes.

The companion's solo track is written for every bar from what the player has just played. These rules only
decide, bar by bar, whether it sounds. An answer can therefore begin on the bar line at which the player fell silent.
"""

from __future__ import annotations

from typing import Literal

Turn = Literal["", "player", "companion"]
SILENCE_BEATS = 1.0  # the companion answers after this long without a note before a bar line
MAX_ANSWER_BARS = 4


class Trader:
    """Turns of `trade_bars` bars each, the player first, or answers, or neither (turn "": everyone plays).

    Bars are session bars, positions beats. In answer mode the companion's turn ends as soon as the player plays a note
    (`player_note` says so, and the solo track has to fall silent at once), or after as many bars as the player's last phrase
    had (at most four).
    """

    def __init__(self, trade_bars: int = 0, answer: bool = False) -> None:
        self.trade_bars = trade_bars
        self.answer = answer
        self._origin_bar = 0
        self._answering_since: int | None = None
        self._phrase_bars = 0
        self._held: set[tuple[int, int]] = set()
        self._last_sound_beats: float | None = None

    @property
    def active(self) -> bool:
        """Whether turns are taken at all."""
        return self.trade_bars > 0 or self.answer

    def set_trade(self, bars: int, from_bar: int) -> None:
        """Trade turns of this many bars (0 = stop trading), the player's turn first, from this bar on."""
        self.trade_bars = max(0, bars)
        self._origin_bar = from_bar

    def set_answer(self, on: bool) -> None:
        """Answer mode on or off."""
        self.answer = on
        self._answering_since = None

    def turn(self, session_bar: int) -> Turn:
        """Whose turn this bar is. In answer mode known for the bar that sounds and those before it."""
        if self.trade_bars > 0:
            return "companion" if (session_bar - self._origin_bar) // self.trade_bars % 2 else "player"
        if self.answer:
            since = self._answering_since
            return "companion" if since is not None and session_bar >= since else "player"
        return ""

    def player_note(self, channel: int, key: int, on: bool, position_beats: float) -> bool:
        """A key goes down or up. True: the companion was answering and has to fall silent now."""
        if on:
            self._held.add((channel, key))
        else:
            self._held.discard((channel, key))
        self._last_sound_beats = position_beats
        yields = on and self.trade_bars == 0 and self._answering_since is not None
        if yields:
            self._answering_since = None
            self._phrase_bars = 0
        return yields

    def bar_line(self, session_bar: int, position_beats: float) -> Turn:
        """Bar `session_bar` begins at this position: decide whose it is."""
        if self.answer and self.trade_bars == 0:
            self._decide(session_bar, position_beats)
        return self.turn(session_bar)

    def silence(self) -> None:
        """Stop, panic or seek: no key is held, no phrase is open."""
        self._held.clear()
        self._answering_since = None
        self._phrase_bars = 0
        self._last_sound_beats = None

    def _decide(self, session_bar: int, position_beats: float) -> None:
        if self._answering_since is not None:
            if session_bar - self._answering_since >= min(max(self._phrase_bars, 1), MAX_ANSWER_BARS):
                self._answering_since = None
                self._phrase_bars = 0
                self._last_sound_beats = None  # one answer per phrase; the next waits for the player
            return
        if self._last_sound_beats is None:
            return
        self._phrase_bars += 1
        if not self._held and position_beats - self._last_sound_beats >= SILENCE_BEATS:
            self._answering_since = session_bar
