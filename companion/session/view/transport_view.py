"""Where the music is, as a screen shows it."""

from __future__ import annotations

from companion.session.api.snapshot import TransportView
from companion.session.performance import Performance
from companion.session.timing.musical_time import MusicalTime
from companion.session.transport.transport import Transport


def transport_view(time: MusicalTime, performance: Performance, transport: Transport, position: float) -> TransportView:
    """The view at a position (session beats). At rest, it shows where the music will begin or go on."""
    timeline = time.timeline
    bar = performance.bar + 1 if performance.counting_in else max(performance.bar, 0)
    beat, song_bar, meter = position - timeline.start(bar), timeline.song_bar(bar), timeline.meter(bar)
    if (resume := transport.resume_place(position)) is not None:
        (song_bar, beat), meter = resume, time.meter_of(resume[0])
    return TransportView(
        source=time.source,
        state=time.clock.state,
        bpm=time.clock.bpm,
        bar=bar,
        beat=beat,
        position_beats=position,
        time_signature=meter,
        jitter_seconds=time.clock.jitter_seconds,
        counting_in=performance.counting_in,
        song_bar=song_bar,
    )
