"""Written chords: the song's chords, a repeating progression, and bars that the player has overwritten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from companion.charts.reader import parse_chart
from companion.charts.spans import chart_spans
from companion.errors import ChartError, UsageError
from companion.harmony.naming import transposed_spans
from companion.harmony.spans import ChordSource, ChordSpan
from companion.harmony.symbols import is_no_chord, parse_chord
from companion.session.practice.songbook import SongBook

Spans = tuple[ChordSpan, ...]
PROGRESSIONS_KEPT = (
    256  # texts that were read; reading one takes a millisecond, which a set list has no time for on stage
)
# The progression as typed, whether it repeats, its bars, the song bar where it begins, and the bars that were overwritten.
WrittenPage = tuple[str, bool, tuple[Spans, ...], int, dict[int, Spans]]


@lru_cache(maxsize=PROGRESSIONS_KEPT)
def read_progression(text: str) -> tuple[Spans, ...]:
    """Read the chords of "Dm7 | G7 | Cmaj7" as a tuple for each bar. All signs of charts are allowed.

    Raises UsageError, which names the bar and symbol. What was read before is not read again.
    """
    try:
        return tuple(chart_spans(parse_chart(text.replace(";", "\n"), "progression")))
    except ChartError as error:
        raise UsageError(str(error)) from None


class WrittenChords:
    """Written chords by song bar. A progression takes the place of the song's chords."""

    def __init__(self, songbook: SongBook, progression: str = "", loop: bool = True) -> None:
        self._songbook = songbook
        self._song = song_spans(songbook)
        self._overwritten: dict[int, Spans] = {}
        self.text = ""
        self.loop = loop
        self._bars: tuple[Spans, ...] = ()
        self.first_bar = 0
        if progression:
            self.set_progression(progression, loop)

    def use_song(self) -> None:
        """Read the chords of another song. Bars that were overwritten, and the progression, belonged to the one before."""
        self._song = song_spans(self._songbook)
        self._overwritten.clear()
        self.set_progression("", self.loop)

    def as_text(self) -> str:
        """The progression as it could be typed, with the bars that the player has overwritten."""
        if not self._bars or not self._overwritten:
            return self.text
        bars = [self._overwritten.get(place, spans) for place, spans in enumerate(self._bars)]
        return " | ".join(" ".join(span.chord.text if span.chord else "N.C." for span in spans) for spans in bars)

    @property
    def any(self) -> bool:
        """Whether anything is written."""
        return bool(self._bars or self._song)

    @property
    def progression_bars(self) -> int:
        """The length of the progression; 0 if there is none."""
        return len(self._bars)

    def set_progression(self, text: str, loop: bool, first_bar: int = 0) -> None:
        """Play these chords from a song bar on, repeatedly or once; "" removes them. Raises UsageError."""
        self._bars = read_progression(text) if text.strip() else ()
        self.text, self.loop, self.first_bar = text.strip(), loop, first_bar
        self._overwritten.clear()

    @property
    def page(self) -> WrittenPage:
        """What is written, for `turn_to`."""
        return self.text, self.loop, self._bars, self.first_bar, dict(self._overwritten)

    def turn_to(self, page: WrittenPage) -> None:
        """Play the chords that were written before."""
        self.text, self.loop, self._bars, self.first_bar, overwritten = page
        self._overwritten = dict(overwritten)

    def overwrite(self, song_bar: int, spans: Spans) -> None:
        """Change the chords of a bar, and of the same place in the progression each time it comes round."""
        self._overwritten[self._place(song_bar)] = spans

    def spans(self, song_bar: int, beats: float) -> Spans | None:
        """Return the chords of a bar of this many beats, or None if none are written."""
        if song_bar < 0:
            return self._before_the_first(song_bar, beats)
        place = self._place(song_bar)
        if place in self._overwritten:
            return fitted(self._overwritten[place], beats)
        if self._bars:
            if 0 <= place < len(self._bars):
                return fitted(self._bars[place], beats)
            return None
        spans = self._song.get(song_bar)
        return None if spans is None else transposed_spans(spans, self._songbook.transpose)

    def _before_the_first(self, song_bar: int, beats: float) -> Spans | None:
        """Return the chords of a bar of an intro: those of the last bars of the form, which lead to its first bar, or the first chord."""
        count = len(self._bars) or self._songbook.bar_count
        if not count:
            return None
        turnaround = self.spans(count + song_bar, beats) if self.loop or not self._bars else None
        if turnaround is not None and any(span.chord for span in turnaround):
            return turnaround
        first = self.spans(self.first_bar if self._bars else 0, beats)
        chord = next((span for span in first or () if span.chord), None)
        return None if chord is None else (replace(chord, beat=0.0, beats=beats),)

    def _place(self, song_bar: int) -> int:
        """Return a bar's place in the progression, or the bar itself if there is none."""
        if not self._bars:
            return song_bar
        place = song_bar - self.first_bar
        return place % len(self._bars) if self.loop else place


def song_spans(songbook: SongBook) -> dict[int, Spans]:
    """Return the chords of the song's bars. A bar without a mark continues the last chord."""
    song = songbook.song
    if song is None or not song.chords:
        return {}
    source: ChordSource = "heard" if song.chords_heard else "known"
    marks: dict[int, list[tuple[float, str]]] = {}
    for bar, beat, symbol in song.chords:
        marks.setdefault(bar, []).append((beat, symbol))
    result: dict[int, Spans] = {}
    current: str | None = None
    for bar in range(songbook.bar_count):
        heads = sorted(marks.get(bar, ()))
        if not heads or heads[0][0] > 0:
            heads = ([(0.0, current)] if current is not None else []) + heads
        if heads:
            meter = songbook.meter(bar)
            result[bar] = _spans(heads, float(meter.beats) if meter else 4.0, source)
            current = heads[-1][1]
    return result


def _spans(heads: Sequence[tuple[float, str | None]], beats: float, source: ChordSource) -> Spans:
    ends = [beat for beat, _ in heads[1:]] + [beats]
    spans = []
    for (beat, symbol), end in zip(heads, ends, strict=True):
        chord = None if symbol is None or is_no_chord(symbol) else parse_chord(symbol)
        spans.append(ChordSpan(beat, end - beat, chord, source))
    return tuple(spans)


def fitted(spans: Spans, beats: float) -> Spans:
    """Fit the chords of a bar in another meter to this bar: cut them, or hold the last one longer."""
    kept = [span for span in spans if span.beat < beats]
    return (*kept[:-1], replace(kept[-1], beats=beats - kept[-1].beat)) if kept else ()
