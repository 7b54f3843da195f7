"""Chords that were played, and chords that are expected to follow."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

from companion.harmony.key import Key
from companion.harmony.naming import transposed_spans
from companion.harmony.recognition import Recogniser, in_one_go, with_held_notes
from companion.harmony.spans import ChordSpan
from companion.music import Note, TimeSignature
from companion.music.units import RESOLUTION
from companion.session.chords.written import Spans, fitted
from companion.session.input.form import Place

Corrections = tuple[dict[int, Spans], frozenset[int]]  # the chords by session bar, and which of them the player has set
KEPT_BARS = 64
# The probability of the same chord when a form comes round, by how alike its rounds are: from TRUST_LOW at ALIKE_LOW up to
# TRUST_HIGH. Fitted to the validation split; `companion evaluate --recognition` measures it on the test split.
ALIKE_LOW, TRUST_LOW, TRUST_SLOPE, TRUST_HIGH = 0.72, 0.46, 1.6, 0.84
_TRUST_UNHEARD = 0.75  # × for a chord that was hardly recognised the first time
_RECENT_BARS = 8
_PRIOR_STAYS, _PRIOR_BARS = 0.5, 2.0  # before anything is known, one chord in four is held over the bar line


class HeardChords:
    """Recognises chords bar by bar. The chords of a finished bar are not revised, except by the player."""

    def __init__(self) -> None:
        self._recogniser = Recogniser()
        self._bars: dict[int, Spans] = {}
        self._corrected: set[int] = set()
        self._held: tuple[Note, ...] = ()
        self._stays: list[bool] = []
        self._last_bar = -1

    @property
    def key(self) -> Key | None:
        """The key as far as it can be told."""
        return self._recogniser.key

    @property
    def recogniser(self) -> Recogniser:
        """The recogniser that listens."""
        return self._recogniser

    def clear(self) -> None:
        """Handle a jump of the music. The key and the heard chords are kept; notes held over the bar line are not."""
        self._held = ()
        self._last_bar = -1

    def hear(self, bar: int, notes: tuple[Note, ...], meter: TimeSignature) -> None:
        """Name the chords of a bar that is over."""
        in_one_go(self.hear_slowly(bar, notes, meter))

    def hear_slowly(self, bar: int, notes: tuple[Note, ...], meter: TimeSignature) -> Generator[None, None, None]:
        """Do what `hear` does in small steps, each of which ends with a `yield`."""
        (_, _), (held, _) = list(with_held_notes([((*self._held, *notes), meter), ((), meter)], RESOLUTION))
        spans = yield from self._recogniser.hear_slowly((*self._held, *notes), meter, RESOLUTION)
        self._held = held
        before = self._bars.get(bar - 1)
        if spans:
            if before and self._last_bar == bar - 1:
                self._stays = [*self._stays, _same(before[-1], spans[0])][-_RECENT_BARS:]
            if bar not in self._corrected:
                self._bars[bar] = spans
        self._last_bar = bar
        for old in [old for old in self._bars if old < bar - KEPT_BARS]:
            del self._bars[old]
            self._corrected.discard(old)

    def correct(self, bar: int, spans: Spans) -> None:
        """Set the chords of a past or coming bar as the player says. The same chords are expected when the bar comes round again."""
        self._bars[bar] = spans
        self._corrected.add(bar)

    @property
    def corrections(self) -> Corrections:
        """The chords so far and the bars that the player has corrected, for `restore`."""
        return dict(self._bars), frozenset(self._corrected)

    def restore(self, corrections: Corrections) -> None:
        """Take the player's corrections as they were. Bars that were heard since then stay as they were heard."""
        bars, corrected = corrections
        for bar in self._corrected | corrected:
            if bar in bars:
                self._bars[bar] = bars[bar]
            elif bar not in corrected:
                self._bars.pop(bar, None)
        self._corrected = set(corrected)

    def spans(self, bar: int) -> Spans | None:
        """Return the chords heard in a bar, or None if none were."""
        return self._bars.get(bar)

    def expected(self, bar: int, place: Place | None, beats: float) -> Spans | None:
        """Return the probable chords of a coming bar: those of its place in the form, or, if that is not known, the last chord."""
        if place is not None and (spans := self._bars.get(place.bar)):
            trust = form_trust(place.alike)
            return tuple(
                replace(
                    span,
                    source="expected",
                    confidence=trust * (_TRUST_UNHEARD + (1 - _TRUST_UNHEARD) * span.confidence),
                )
                for span in fitted(transposed_spans(spans, place.moved), beats)
            )
        last = max((heard for heard in self._bars if heard < bar), default=None)
        if last is None:
            return None
        span = self._bars[last][-1]
        share = (sum(self._stays) + _PRIOR_STAYS) / (len(self._stays) + _PRIOR_BARS)
        confidence = span.confidence * share ** (bar - last)
        return (ChordSpan(0.0, beats, span.chord, "expected", confidence),)


def form_trust(alike: float) -> float:
    """The probability that a form brings the same chord again, if its rounds are this alike."""
    return min(TRUST_HIGH, max(TRUST_LOW, TRUST_LOW + TRUST_SLOPE * (alike - ALIKE_LOW)))


def _same(one: ChordSpan, other: ChordSpan) -> bool:
    if one.chord is None or other.chord is None:
        return one.chord is other.chord
    return (one.chord.root, one.chord.intervals) == (other.chord.root, other.chord.intervals)
