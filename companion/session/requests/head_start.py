"""A song is known before it starts: the bar it will begin with is made while the music rests, so that nobody has to wait for it.

Without a count-in, or with a clock from outside, there is no time left to make it once the start is known.
"""

from __future__ import annotations

from companion.session.requests.answers import Answering

PATIENCE_SECONDS = 60.0  # at rest nothing is due; an answer so late is of no use


class Preparing(Answering):
    """`prepare` at rest, `take_prepared` at the start."""

    def prepare(self, song_bar: int, now: float) -> None:
        """Ask for the bar that will come first, once for all choices that it depends on."""
        if self.songbook.song is None or self.checkpoint is None or self.wait_bars:
            return
        wanted = song_bar, self._choices()
        if wanted == self.prepared:
            return
        self.prepared = wanted
        bar = self.timeline.jump(self.bar, song_bar)
        self.plan.forget_from(bar)
        self.forget_requests(bar)
        self.committed_bar = bar - 1
        self.entry_bar = bar
        if song_bar == self._first_song_bar(0):
            self.context_bar = bar
        self.size = self._choose_size(bar)
        self._generate(bar, now, insurance=False, deadline=now + PATIENCE_SECONDS)

    def take_prepared(self, bar: int, song_bar: int) -> bool:
        """The music begins with this bar: whether it is prepared (or about to be); if not, all that was planned is void."""
        prepared, self.prepared = self.prepared, None
        if prepared is None or prepared[0] != song_bar:
            self.plan.forget_from(bar)
            self.forget_requests(bar)
            return False
        self.plan.forget_from(bar + 1)
        self.asked_bar = self.insured_bar = bar
        self.size = None
        return True

    def _choices(self) -> tuple[object, ...]:
        lanes = [
            (lane.index, lane.role, lane.program, lane.muted, tuple(sorted(lane.attributes.items())))
            for lane in self.lanes
            if not lane.removed
        ]
        return (*lanes, self.settings.model, self.songbook.transpose)
