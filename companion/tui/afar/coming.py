"""The chords from now on, as far as the bars on screen and the song tell them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from companion.session.api.snapshot import Snapshot
from companion.tui.lanes.chords import chord_text
from companion.tui.practice.draw import following_bar

EPSILON_BEATS = 1e-6


def coming_chords(snapshot: Snapshot) -> Iterator[tuple[float, str]]:
    """The chord of now, then the later ones: (quarter notes from now, symbol). Nothing if the present one is not known.

    A chord that is only expected ends with a question mark.
    """
    found = False
    for beats_from_now, symbol, ends in (*_on_screen(snapshot), *_in_song(snapshot)):
        if ends <= EPSILON_BEATS:
            continue
        if not found and beats_from_now > EPSILON_BEATS:
            return
        found = True
        yield max(beats_from_now, 0.0), symbol


Placed = tuple[float, str, float]  # where it begins and ends in quarter notes from now, and the symbol between them


def _on_screen(snapshot: Snapshot) -> Iterator[Placed]:
    """The chords of the bars on screen from this bar on."""
    transport = snapshot.transport
    meters = {place.bar: float(place.time_signature.beats) for place in snapshot.bars}
    usual = float(transport.time_signature.beats)
    bar_starts, bar = -max(transport.beat, 0.0), transport.bar
    for chords in snapshot.chords.bars:
        if chords.bar < bar:
            continue
        while bar < chords.bar:
            bar_starts += meters.get(bar, usual)
            bar += 1
        for span in chords.spans:
            begins = bar_starts + span.beat
            yield begins, chord_text(span, 0), begins + span.beats


def _in_song(snapshot: Snapshot) -> Iterator[Placed]:
    """The chords of the song's bars that are not on screen yet, once round at most."""
    practice, transport = snapshot.practice, snapshot.transport
    if practice is None or not practice.chords or snapshot.chords.progression:
        return
    shown = max((chords.bar - transport.bar + 1 for chords in snapshot.chords.bars), default=0)
    beats = float(transport.time_signature.beats)
    bar_starts = -max(transport.beat, 0.0)
    for passed in range(practice.bar_count):
        if passed >= shown:
            heads = sorted((beat, symbol) for at, beat, symbol in practice.chords if at == practice.song_bar)
            ends = [beat for beat, _ in heads[1:]] + [beats]
            for (beat, symbol), end in zip(heads, ends, strict=True):
                yield bar_starts + beat, symbol, bar_starts + end
        bar_starts += beats
        practice = replace(practice, song_bar=following_bar(practice))
