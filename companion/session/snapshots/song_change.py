"""Changes the song of a session: another one, or none. The bars that follow play it from its beginning.

Everything that knows the song is told here, so that a set list goes on in one performance: one clock, one recording, the same lanes.
"""

from __future__ import annotations

from collections.abc import Callable

from companion.session.api.settings import SessionSettings
from companion.session.chords.chords import Chords
from companion.session.output.song_controls import SongControls
from companion.session.performance import Performance
from companion.session.practice.practising import Practising
from companion.session.timing.musical_time import MusicalTime
from companion.session.transport.transport import Transport
from companion.session.transport.written_tempos import WrittenTempos


class SongChange:
    """attach: makes an extension part of the session, in place of the one that practised before. None: nobody practises."""

    def __init__(
        self,
        time: MusicalTime,
        performance: Performance,
        transport: Transport,
        tempos: WrittenTempos,
        chords: Chords,
        controls: SongControls,
        attach: Callable[[Practising | None, float], None],
    ) -> None:
        self._time, self._performance, self._transport, self._tempos = time, performance, transport, tempos
        self._chords, self._controls = chords, controls
        self._attach = attach
        self._begins: tuple[int, int] | None = (
            None  # the session bar that plays the new song's first bar, and which one that is
        )

    def next_song_bar(self) -> int | None:
        """The song bar of the session bar that is laid out now, if the new song begins with it."""
        laid_out = len(self._time.timeline.song_bars)
        return self._begins[1] if self._begins is not None and self._begins[0] == laid_out else None

    def change(self, settings: SessionSettings, bar: int | None, now: float) -> None:
        """Play the song of these settings from a session bar on; bar None: the music rests, and the next start begins with it.

        Raises UsageError for an impossible song or practice; nothing has changed then.
        """
        practising = None if settings.song is None else Practising(settings.song, settings.practice)
        songbook = self._time.songbook
        songbook.use(settings.song, settings.clock.time_signature)
        songbook.transpose_to(settings.practice.transpose)
        self._time.set_tempo_factor(settings.practice.tempo_factor)
        self._chords.written.use_song()
        self._performance.use_song(settings.song is not None)
        first = settings.practice.loop[0] if practising is not None and settings.practice.loop else 0
        if bar is not None:
            self._begins = bar, first
            self._transport.relay(now)
            self._time.timeline.ensure(bar)
            self._performance.hear_from(bar)
            self._tempos.restart(self._time.timeline.start(bar))
        self._attach(practising, now)
        if bar is None:
            self._controls.use_song(settings.song, now)
            self._transport.relay(now)
            self._transport.rewind(0)

    def arrive(self, now: float) -> None:
        """The new song's first bar is decided: what the old song has set beside its notes ends."""
        self._controls.use_song(self._time.songbook.song, now)
