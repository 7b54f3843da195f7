"""Makes a bar follow the player's dials and the chords, by pushes on the logits while it is written.

A small model only tends towards the levels in its prompt. For levels that the player set (never for computed ones), every choice
is therefore pushed according to the state of the bar. The number of notes is compared with the pace that reaches the requested
density (`pacing`), sounding voices and durations with the requested polyphony and lengths (`voicing`), and pitches with the
requested key and range (`register`). If chords are known, pitches are pushed towards them (`chords`). Among equally suitable
tokens the model's own preference still decides, so the groove stays the model's.

This module knows vocabularies and bars, but no model and no prompt. A push costs a few operations on arrays of the vocabulary's
size; without a request it costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from companion.harmony.spans import ChordSpan
from companion.inference.prompts.prompt import WindowRequest
from companion.inference.requests.planner import Cell
from companion.inference.steering.bar_so_far import BarSoFar, Bias, Places
from companion.inference.steering.chords import ChordLean, log_sum
from companion.inference.steering.pacing import FORBIDDEN, Pace
from companion.inference.steering.register import KEPT, Avoided, Register, away_from
from companion.inference.steering.voicing import Lengths, Voices
from companion.music.score import Bar
from companion.tokenizer import TokenType, Vocabulary, attributes

_OPENED = frozenset((TokenType.FILL_IN_START, TokenType.TIME_SIG))


@dataclass(frozen=True, slots=True)
class BarPushes:
    """What pushes one bar; None for what nobody asked for. It does not change while the bar is written.

    length_ticks: the bar's, in model ticks. named: the token type that completes a note. away [pitches]: see `register`.
    """

    length_ticks: int
    named: TokenType
    pace: Pace | None = None
    voices: Voices | None = None
    lengths: Lengths | None = None
    register: Register | None = None
    lean: ChordLean | None = None
    away: Bias | None = None

    @property
    def dialled(self) -> bool:
        """Whether any dial pushes the bar."""
        asked = (self.pace, self.voices, self.lengths, self.register, self.away)
        return any(wish is not None for wish in asked)

    @property
    def must_sound(self) -> bool:
        """Whether the bar must not be a rest: a player who asks for a density or for several voices wants to hear notes."""
        return self.pace is not None or (self.voices is not None and self.voices.together)

    @property
    def rest_push(self) -> float:
        """Nats added to the bar being a rest."""
        return 0.0 if self.lean is None else self.lean.rest_push


class Steering:
    """Follows one take of a request token by token.

    targets: the request's cells in writing order. chords: those of the bar to be written; None if unknown. harmony: how
    strongly melodic parts are pushed towards them. paces: for each target, the level of note density that a melodic part is asked
    for; attributes ask that of drums alone. avoided: for each target, the player's register (`register`). () = none.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        request: WindowRequest,
        targets: Sequence[Cell],
        chords: Sequence[ChordSpan] | None = None,
        harmony: float = 0.0,
        paces: Sequence[int | None] = (),
        avoided: Sequence[Avoided | None] = (),
    ) -> None:
        self._vocabulary, self._request, self._targets = vocabulary, request, targets
        self._chords, self._harmony = chords, harmony
        self._paces = paces or (None,) * len(targets)
        self._avoided = avoided or (None,) * len(targets)
        self._places = Places.of(vocabulary)
        self._bias = np.zeros(vocabulary.size, dtype=np.float32)
        self._last = TokenType.FILL_IN_START
        self._number = -1
        self._pushes = BarPushes(0, TokenType.NOTE_ONSET)
        if not request.autoregressive:
            self._open()  # the prompt ends in the first FillInStart

    @classmethod
    def of(
        cls,
        vocabulary: Vocabulary,
        request: WindowRequest,
        targets: Sequence[Cell],
        chords: Sequence[ChordSpan] | None = None,
        harmony: float = 0.0,
        paces: Sequence[int | None] = (),
        avoided: Sequence[Avoided | None] = (),
    ) -> Steering | None:
        """The steering of a request; None if nothing is asked of its targets."""
        melodic = any(not request.window.tracks[track].is_drum for track, _ in targets)
        leans = melodic and harmony > 0 and bool(chords)
        asked = any(request.asked.get(track) or request.bar_attributes.get((track, at)) for track, at in targets)
        led = any(wish is not None for wish in (*paces, *avoided))
        return cls(vocabulary, request, targets, chords, harmony, paces, avoided) if asked or leans or led else None

    def _open(self) -> None:
        self._number += 1
        self._pushes = self.pushes(self._number)
        durations = self._places.durations
        self._bar = BarSoFar.start(self._pushes.length_ticks, durations.stop - durations.start)

    def pushes(self, number: int) -> BarPushes:
        """What pushes the target of this number."""
        track_number, at = self._targets[number]
        track, places = self._request.window.tracks[track_number], self._places
        bar_levels = self._request.bar_attributes.get((track_number, at), {})
        levels = attributes.for_bars({**self._request.asked.get(track_number, {}), **bar_levels})
        meter = track.bars[at].time_signature
        length = meter.bar_ticks(places.resolution)
        density = levels.get("note_density") if track.is_drum else self._paces[number]
        chord = 1.0 if track.is_drum else self._chord_size(track_number)
        pace = None if density is None else Pace(density, length, places, chord)
        if track.is_drum:
            return BarPushes(length, TokenType.NOTE_ONSET, pace=pace)
        return BarPushes(
            length,
            TokenType.NOTE_DURATION,
            pace=pace,
            voices=Voices.of(levels, places),
            lengths=Lengths.of(levels, places),
            register=Register.of(levels, self._shown_pitches(track_number), places),
            away=away_from(self._avoided[number], places),
            lean=ChordLean.of(self._chords, meter, self._harmony, track.program, places),
        )

    def _shown(self, number: int) -> list[Bar]:
        request = self._request
        unseen = {*self._targets, *request.hidden, *request.pending}
        return [bar for at, bar in enumerate(request.window.tracks[number].bars) if (number, at) not in unseen]

    def _shown_pitches(self, number: int) -> list[int]:
        return sorted(note.pitch for bar in self._shown(number) for note in bar.notes)

    def _chord_size(self, number: int) -> float:
        """How many notes the track strikes together, on average."""
        bars = [bar.notes for bar in self._shown(number)]
        onsets = sum(len({note.onset_ticks for note in notes}) for notes in bars)
        return max(1.0, sum(map(len, bars)) / onsets) if onsets else 1.0

    @property
    def must_sound(self) -> bool:
        """See `BarPushes`."""
        return self._pushes.must_sound

    @property
    def rest_push(self) -> float:
        """See `BarPushes`."""
        return self._pushes.rest_push

    def push(self, token: int) -> None:
        """Take the next token."""
        self._last, value = self._vocabulary.type_of(token)
        if self._last in (TokenType.FILL_IN_START, TokenType.BAR):
            self._open()
        elif self._number >= 0:
            self._bar.push(self._last, value)

    def bias(self) -> Bias | None:
        """The bias to add to the logits [vocab] of the next token; None for no bias. It is valid until the next call."""
        pushes = self._pushes
        if not pushes.dialled:
            return None
        bias, bar = self._bias, self._bar
        bias.fill(0.0)
        if self._last is TokenType.NOTE_ONSET and pushes.named is not self._last:
            for part in (pushes.voices, pushes.lengths):
                if part is not None:
                    part.duration(bias, bar)
            return bias
        if self._last is TokenType.TIME_ABSOLUTE_POS:
            bias[self._places.ends] = FORBIDDEN  # a position must be followed by a note
        elif self._last is pushes.named or self._last in _OPENED:
            for part in (pushes.pace, pushes.voices):
                if part is not None:
                    part.where_next(bias, bar)
        for part in (pushes.voices, pushes.register):
            if part is not None:
                part.pitch(bias, bar)
        return bias

    def lean(self, logits: Bias) -> Bias:
        """The logits [vocab] with pitches pushed towards the chord that sounds where the next note would begin, and out of the way."""
        lean, away, named = self._pushes.lean, self._pushes.away, self._pushes.named
        if self._last is TokenType.NOTE_ONSET and named is not self._last:
            return logits
        if away is not None:
            logits = logits.copy()
            pitches = logits[self._places.pitches]
            before = log_sum(pitches)
            pitches += away
            pitches += KEPT * (before - log_sum(pitches))
        return logits if lean is None else lean.lean(logits, self._bar)
