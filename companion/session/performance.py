"""The position of a performance in bars: the sounding bar, the decided bars, what counts as heard, and when the companion enters."""

from __future__ import annotations

from companion.session.timing.timeline import Timeline
from companion.session.transport.states import TransportState


class Performance:
    """Bars are session bars. Only this class writes its attributes; other parts read them and say what has happened.

    wait_bars: how long the companion rests before it enters. song_is_written: with a song it need not listen first.
    """

    def __init__(self, timeline: Timeline, transport: TransportState, wait_bars: int, song_is_written: bool) -> None:
        self._timeline = timeline
        self._transport = transport
        self._song_is_written = song_is_written
        self.bar = -1  # whose bar line was passed last
        self.committed_bar = -1  # the last bar that is decided
        self.context_bar = 0  # the first bar that counts as heard
        self.wait_bars = wait_bars
        self.entry_bar = self._bars_to_wait()  # the first bar in which the companion may play

    @property
    def running(self) -> bool:
        """Whether time runs: counting in, or playing."""
        return self._transport.running

    @property
    def counting_in(self) -> bool:
        """Whether only the count-in is heard."""
        return self._transport.counting_in

    def use_song(self, song_is_written: bool) -> None:
        """There is a song now, or there is none any more."""
        self._song_is_written = song_is_written

    def begin(self, bar: int) -> None:
        """A bar begins: its line is passed."""
        self.bar = bar

    def commit(self, bar: int) -> None:
        """A bar is decided."""
        self.committed_bar = max(self.committed_bar, bar)

    def reopen(self, bar: int) -> None:
        """Open this bar and all after it: the music will begin with it."""
        self.committed_bar = bar - 1

    def jump(self, bar: int) -> None:
        """Make this bar the next one."""
        self.bar = self.committed_bar = bar - 1

    def hear_from(self, bar: int) -> None:
        """The music begins with it: nothing before counts as heard."""
        self.context_bar = bar

    def enter_at(self, bar: int) -> None:
        """The companion may play from here on."""
        self.entry_bar = bar

    def enter_after_waiting(self, bar: int) -> None:
        """The companion may play when it has waited from this bar on."""
        self.entry_bar = bar + self._bars_to_wait()

    def wait(self, bars: int) -> None:
        """Rest this many bars from the next one on, and at every start."""
        self.wait_bars = bars
        if self.running:
            self.entry_bar = max(self.bar + 1 + bars, self.context_bar + self._bars_to_wait())

    def wait_as_before(self, wait_bars: int, entry_bar: int) -> None:
        """Rest as long, and enter where it was to enter, before the player asked for something else."""
        self.wait_bars, self.entry_bar = wait_bars, entry_bar

    def song_bar_of(self, bar: int) -> int:
        """The song bar of a session bar; before the first that counts as heard, counted back from there (may be negative)."""
        if bar >= self.context_bar:
            return self._timeline.song_bar(bar)
        return self._timeline.song_bar(self.context_bar) - (self.context_bar - bar)

    def name_of(self, bar: int) -> str:
        """The number of a session bar as the player counts."""
        song_bar = self._timeline.song_bar(bar)
        return f"bar {song_bar + 1 if song_bar >= 0 else song_bar}"

    def _bars_to_wait(self) -> int:
        """Bars before the companion enters: those asked for, but at least one to hear, unless a song is written."""
        return max(self.wait_bars, 0 if self._song_is_written else 1)
