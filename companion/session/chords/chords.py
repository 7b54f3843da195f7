"""The chord of each bar, from the most reliable source that knows it, and the chord guide for the model.

The sources are asked in this order: the chord that the player holds in the chord zone, the written chord (a progression, the song,
or a bar that the player has overwritten), and the expected chord. An expected chord with little confidence counts as not known:
a guide helps on the whole only if it is right often enough (`ChordSettings.threshold`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from companion.errors import UsageError
from companion.harmony.guide import Voicing, guide_bar
from companion.harmony.key import Key
from companion.harmony.naming import transposed_spans
from companion.harmony.spans import ChordSpan
from companion.harmony.symbols import is_no_chord
from companion.music import Note
from companion.session.api import commands, song_commands
from companion.session.api.settings import ChordSettings, ChordZone
from companion.session.api.snapshot import BarChords, ChordsView
from companion.session.chords.heard import Corrections, HeardChords
from companion.session.chords.written import Spans, WrittenChords, WrittenPage, read_progression
from companion.session.chords.zone import ZoneKeys
from companion.session.commands.undoable import FindUndoable, dial
from companion.session.extension import Handler
from companion.session.input.capture import Capture
from companion.session.input.heard_form import HeardForm
from companion.session.lanes import Lanes
from companion.session.output.outbox import Outbox
from companion.session.performance import Performance
from companion.session.timing.musical_time import MusicalTime

VOICINGS_KEPT = 16  # bars
BARS_LED = 8  # bars back from which a voicing is led if none is known


class Chords:
    """The chords of a session's bars. zone: held chords. heard: played chords. written: chords on the page.

    check_beside: raises UsageError if chord zones would overlap other zones of the keyboard.
    """

    def __init__(
        self,
        settings: ChordSettings,
        capture: Capture,
        lanes: Lanes,
        performance: Performance,
        time: MusicalTime,
        form: HeardForm,
        outbox: Outbox,
        check_beside: Callable[[Sequence[ChordZone]], None] = lambda zones: None,
    ) -> None:
        self._capture, self._lanes, self._performance, self._time = capture, lanes, performance, time
        self._form, self._outbox, self._check_beside = form, outbox, check_beside
        self._threshold = settings.threshold
        self.written = WrittenChords(time.songbook, settings.progression, settings.loop)
        self.zone = ZoneKeys(settings.zones)
        self.heard = HeardChords()
        self._voicings: dict[int, Voicing] = {}  # after the guide of a session bar

    # -- listening ----------------------------------------------------------------------------------------------------

    def hear(self, bar: int) -> Iterator[None]:
        """Name the chords that the players sounded in a bar that is over, in small steps (see `SpareTime`)."""
        if bar < self._performance.context_bar:
            return
        position = self._time.timeline.end(bar)
        lanes = [lane for lane in self._lanes.of("human") if not lane.is_drum]
        notes = tuple(note for lane in lanes for note in self._capture.notes(lane.index, bar, position))
        yield from self.heard.hear_slowly(bar, notes, self._time.timeline.meter(bar))

    def clear(self) -> None:
        """Handle a jump of the music."""
        self.heard.clear()
        self._voicings.clear()

    @property
    def key(self) -> Key | None:
        """The players' key, as far as it is known."""
        return self.heard.key

    # -- asking -------------------------------------------------------------------------------------------------------

    def spans(self, bar: int) -> Spans | None:
        """Return the chords of a session bar, whatever their confidence, or None if nothing is known."""
        beats = float(self._time.timeline.meter(bar).beats)
        if self.zone.chord is not None and bar > self._performance.committed_bar:
            return (ChordSpan(0.0, beats, self.zone.chord),)
        written = self.written.spans(self._performance.song_bar_of(bar), beats)
        if written is not None:
            return written
        if bar < self._performance.bar or self.heard.spans(bar):
            return self.heard.spans(bar)
        return self.heard.expected(bar, self._form.place(bar), beats)

    def known_spans(self, bar: int) -> Spans | None:
        """Return the chords of a session bar if they are sure enough to play by, else None."""
        spans = self.spans(bar)
        if spans is None or any(span.source == "expected" and span.confidence < self._threshold for span in spans):
            return None
        return spans

    def guide(self, bar: int) -> tuple[Note, ...] | None:
        """Return the chord guide of a session bar (480 ticks a quarter), or None if its chords are not known."""
        spans = self.known_spans(bar)
        if spans is None:
            return None
        notes, self._voicings[bar] = guide_bar(spans, self._voicing_before(bar))
        for old in [old for old in self._voicings if old < bar - VOICINGS_KEPT]:
            del self._voicings[old]
        return notes

    def _voicing_before(self, bar: int) -> Voicing:
        """Return the voicing of the bar before, led from the nearest earlier bar with a known voicing."""
        first = bar
        while first > max(0, bar - BARS_LED) and first - 1 not in self._voicings:
            first -= 1
        last = self._voicings.get(first - 1, ())
        for earlier in range(first, bar):
            _, last = guide_bar(self.known_spans(earlier) or (), last)
        return last

    # -- the player's wishes ------------------------------------------------------------------------------------------

    def handlers(self) -> Mapping[type[commands.Command], Handler]:
        """Map each command to its method."""
        return {
            song_commands.SetProgression: self._set_progression,
            song_commands.SetChord: self._set_chord,
            song_commands.SetChordZone: self._set_zone,
        }

    def undoables(self) -> Mapping[type[commands.Command], FindUndoable]:
        """What each command changes."""
        page = dial("chords", self._read_page, self._write_page, lambda page: f"the chords are {page[0][0] or 'heard'}")
        zones = dial(
            "chord zones",
            lambda: self.zone.zones,
            lambda zones, now: self.zone.change(zones),
            lambda zones: f"chord zones: {', '.join(f'{zone.low}-{zone.high}' for zone in zones) or 'none'}",
        )
        return {
            song_commands.SetProgression: lambda wish: page,
            song_commands.SetChord: lambda wish: page,
            song_commands.SetChordZone: lambda wish: zones,
        }

    def _read_page(self) -> tuple[WrittenPage, Corrections]:
        return self.written.page, self.heard.corrections

    def _write_page(self, page: tuple[WrittenPage, Corrections], now: float) -> None:
        self.written.turn_to(page[0])
        self.heard.restore(page[1])
        self._voicings.clear()

    def _set_progression(self, wish: song_commands.SetProgression, now: float) -> None:
        first = self._performance.committed_bar + 1 if self._performance.running else self._performance.context_bar
        song_bar = self._performance.song_bar_of(first) if self._performance.running else 0
        self.written.set_progression(wish.text, self.written.loop if wish.loop is None else wish.loop, song_bar)
        self._voicings.clear()
        bars = len(read_progression(wish.text)) if wish.text.strip() else 0
        self._outbox.notice(f"{bars} bars of chords" if bars else "no chords given: they are listened for")

    def _set_chord(self, wish: song_commands.SetChord, now: float) -> None:
        text = wish.text.strip()
        beats = float(self._time.timeline.meter(wish.bar).beats)
        bars = read_progression(f"| {text} |") if not is_no_chord(text) else ((ChordSpan(0.0, beats, None),),)
        if len(bars) != 1:
            raise UsageError("one bar's chords, please")
        if self.written.any:
            self.written.overwrite(self._performance.song_bar_of(wish.bar), bars[0])
        else:
            self.heard.correct(wish.bar, bars[0])
            if (place := self._form.place(wish.bar)) is not None:
                self.heard.correct(place.bar, transposed_spans(bars[0], -place.moved))
        self._voicings.clear()

    def _set_zone(self, wish: song_commands.SetChordZone, now: float) -> None:
        zone = ChordZone(0, wish.split - 1, "", wish.latched, wish.sounds, wish.counts)
        zones = (zone,) if wish.split else ()
        self._check_beside(zones)
        self.zone.change(zones)

    # -- for the screen -----------------------------------------------------------------------------------------------

    def view(self, bars: range) -> ChordsView:
        """Return the chords of the bars on screen, and the key."""
        shown = tuple(BarChords(bar, spans) for bar in bars if (spans := self.spans(bar)))
        key = self.key
        written = self.written
        return ChordsView(
            shown,
            key.name if key else "",
            written.text,
            written.loop,
            self.zone.zones,
            written.progression_bars,
            written.first_bar,
        )
