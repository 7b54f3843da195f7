"""Steering as tensor operations: what `companion.inference.steering` does on the host, from the state of the bars on the device.

The pushes are the host's, term by term; its modules say what each one is for. Constants are imported from there.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from companion.inference.backends.cuda.writing.numbers import Fields
from companion.inference.backends.cuda.writing.pushes import NONE, Dial, fields, lengths_of
from companion.inference.steering import pacing, voicing
from companion.inference.steering.bar_so_far import Places
from companion.inference.steering.pacing import FORBIDDEN
from companion.tokenizer import Vocabulary
from companion.tokenizer.token_types import TokenType

CLASSES = 12


class BarState:
    """What steering remembers of each take's bar.

    rings [takes × pitches, ticks]: how many notes of a pitch sound at a tick, also past the bar's end. heard [takes, ticks]: how
    many of all pitches. played [takes, pitches + durations]: how often each was written.
    """

    def __init__(self, vocabulary: Vocabulary, takes: int, device: torch.device) -> None:
        self.places = Places.of(vocabulary)
        ticks, pitches, durations = lengths_of(self.places)
        self.ticks = ticks + durations + 1
        self.rings = torch.zeros((takes * pitches, self.ticks), device=device)
        self.heard = torch.zeros((takes, self.ticks), device=device)
        self.played = torch.zeros((takes, pitches + durations), device=device)
        self._takes, self._pitches = takes, pitches
        self._all_ticks = torch.arange(self.ticks, device=device)
        self._first_rings = torch.arange(takes, device=device) * pitches
        keep, add = (
            np.ones((vocabulary.size, 1), dtype=np.float32),
            np.zeros((vocabulary.size, pitches + durations), "f4"),
        )
        lasts = np.zeros((vocabulary.size, 1), dtype=np.int64)
        keep[vocabulary.first_id(TokenType.FILL_IN_START)] = 0.0
        onset, duration = self.places.pitches.start, self.places.durations.start
        add[np.arange(pitches) + onset, np.arange(pitches)] = 1.0
        add[np.arange(durations) + duration, pitches + np.arange(durations)] = 1.0
        lasts[duration : duration + durations, 0] = np.arange(1, durations + 1)
        self._keep, self._add, self._lasts = (torch.from_numpy(table).to(device) for table in (keep, add, lasts))

    def clear(self) -> None:
        """Forget all bars."""
        for tensor in (self.rings, self.heard, self.played):
            tensor.zero_()

    def of(self, batch: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """rings [B, pitches, ticks], heard [B, ticks] and played [B, pitches + durations] of the first takes."""
        return self.rings.view(self._takes, self._pitches, -1)[:batch], self.heard[:batch], self.played[:batch]

    def take(self, token: torch.Tensor, position: torch.Tensor, pitch: torch.Tensor) -> None:
        """Take the next token [B] of each take. position [B, 1]: where its note begins. pitch [B]: that note's."""
        batch = len(token)
        keep, lasts = self._keep.index_select(0, token), self._lasts.index_select(0, token)
        rings, heard, played = self.of(batch)
        played.copy_(torch.addcmul(self._add.index_select(0, token), played, keep))
        sounds = ((self._all_ticks >= position) & (self._all_ticks < position + lasts)).float()
        heard.copy_(torch.addcmul(sounds, heard, keep))
        rings.mul_(keep[:, :, None])
        self.rings.index_add_(0, self._first_rings[:batch] + pitch, sounds)


class DeviceSteering:
    """Pushes the logits of each take as its bar's numbers (`cuda.pushes`) ask."""

    def __init__(self, vocabulary: Vocabulary, bars: int, holds: int, device: torch.device) -> None:
        """holds: what the numbers of token types are multiplied by in the states."""
        self.places = places = Places.of(vocabulary)
        self._fields = fields(places, bars)
        ticks, pitches, durations = lengths_of(places)
        number = {kind: at * holds for at, kind in enumerate(vocabulary.domains)}
        self._onset, self._duration = number[TokenType.NOTE_ONSET], number[TokenType.NOTE_DURATION]
        self._position, self._opened = number[TokenType.TIME_ABSOLUTE_POS], number[TokenType.FILL_IN_START]
        starts, ends = np.zeros((2, vocabulary.size), dtype=np.float32)
        starts[places.note_starts], ends[places.ends] = 1.0, 1.0
        close = np.eye(pitches, k=1) + np.eye(pitches, k=-1)
        apart = -(voicing.SAME_PITCH + voicing.SEMITONE) * np.eye(pitches) - voicing.SEMITONE * close
        made = starts, ends, apart.astype(np.float32), np.eye(CLASSES, dtype=np.float32)[np.arange(pitches) % CLASSES]
        self._starts, self._ends, self._apart, self._of_class = (torch.from_numpy(table).to(device) for table in made)
        self._class = torch.arange(pitches, device=device) % CLASSES
        self._all_ticks = torch.arange(ticks + durations + 1, device=device)
        self._all_pitches = torch.arange(pitches, device=device)
        self._lengths = torch.log(torch.arange(1, durations + 1, dtype=torch.float32, device=device))
        self._span = ticks
        self._nothing = torch.tensor(0.0, device=device)
        self._never = torch.tensor(-torch.inf, device=device)

    @property
    def fields(self) -> Fields:
        """The arrays that `pushes.set_bar` fills."""
        return self._fields

    def push(
        self,
        logits: torch.Tensor,
        there: Mapping[str, torch.Tensor],
        bars: torch.Tensor,
        last: torch.Tensor,
        counts: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
        memory: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    ) -> torch.Tensor:
        """The logits [B, vocab] as pushed by dials and chords.

        bars [B]: number of each take's bar. last [B, 1]: type of its last token. counts: the bar's notes, those at the position,
        and the position, [B, 1] each. memory: see `BarState.of`.
        """
        now = _Now(self, there, bars, last, counts, memory)
        return self._leaning(logits + now.dial("DIALLED") * self._dialled(now), now)

    def _dialled(self, now: _Now) -> torch.Tensor:
        """[B, vocab] nats of pace, voices, lengths and register."""
        least, most = self._wanted(now)
        note_push, end_push, places = self._where_next(now, least, most)
        end_push = torch.where(now.last == self._position, FORBIDDEN, end_push)
        pushed = note_push * self._starts + end_push * self._ends
        pushed[:, self.places.positions] += places
        pitches = torch.where(now.names_a_length, self._nothing, self._pitches(now))
        pushed[:, self.places.pitches] += pitches
        lengths = torch.where(now.names_a_length, self._durations(now, least), self._nothing)
        pushed[:, self.places.durations] += lengths
        return pushed

    def _wanted(self, now: _Now) -> tuple[torch.Tensor, torch.Tensor]:
        """The fewest and the most voices that should sound at the next notes, [B, 1] each; `Voices._wanted`."""
        fewest, most = now.dial("FEWEST"), now.dial("MOST")
        heard = torch.where(self._all_ticks < now.position, now.heard, self._nothing)
        sounding = heard > 0
        ticks = sounding.sum(1, keepdim=True).clamp(min=1).double()
        thick = torch.where(most < NONE, (heard >= most).sum(1, keepdim=True) / ticks, 1.0)
        thin = torch.where(fewest > 0, (sounding & (heard <= fewest)).sum(1, keepdim=True) / ticks, 1.0)
        lowest = fewest.clamp(min=1)
        enough, thicker = torch.minimum(thick, thin) >= voicing.REACHED, thick <= thin
        least = torch.where(~enough & thicker & (most < NONE), most, lowest)
        return least, torch.where(enough | thicker, most, lowest)

    def _where_next(
        self, now: _Now, least: torch.Tensor, most: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Nats [B, 1] for another note here and for the end, and [B, ticks] for another position."""
        chooses = torch.where(now.completed, now.dial("PACED"), self._nothing)
        pace = self._pace(now)
        voices = self._voices(now, least, most)
        voiced = torch.where(now.completed, now.dial("VOICED"), self._nothing)
        note, end, places = (chooses * one + voiced * other for one, other in zip(pace, voices, strict=True))
        return note, end, places

    def _pace(self, now: _Now) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """`Pace.where_next`."""
        behind, ahead = now.of_bar("behind"), now.of_bar("ahead")
        notes, pull, last = now.notes.float(), now.dial("PULL"), now.dial("TICKS").long()
        ticks = self._all_ticks[: self._span + 1]
        off = (behind - notes).clamp(min=0) + (notes - ahead).clamp(min=0)
        pushes = -pull * off * (1 + off / 3)
        best = torch.where((ticks >= now.position) & (ticks <= last), pushes, self._never).amax(1, keepdim=True)
        end = torch.where(notes < now.dial("PACE_FEWEST"), FORBIDDEN, pushes.gather(1, last) - best)
        lag = behind.gather(1, torch.minimum(now.position + 1, last)) - notes
        early = notes + 1 - ahead.gather(1, torch.minimum(now.position + now.dial("REACH").long(), last))
        note = (pull * lag).clamp(0, pacing.STACK_PULL)
        note = note - torch.where(now.here > 0, pull * early.clamp(min=0), self._nothing)
        note = note - 2.0 * (now.here - pacing.MOST_TOGETHER + 1).clamp(min=0)
        full = notes >= now.dial("PACE_MOST")
        places = torch.where(full, FORBIDDEN, (pushes - best)[:, : self._span])
        return torch.where(full, FORBIDDEN, note), torch.where(full, self._nothing, end), places

    def _voices(
        self, now: _Now, least: torch.Tensor, most: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """`Voices.where_next`."""
        voices = now.heard.gather(1, now.position)
        lacking = torch.where(now.here > 0, voicing.THICKEN * (least - voices).clamp(min=0), self._nothing)
        bounded = most < NONE
        crowded = voicing.THIN * (voices + 1 - most).clamp(min=0)
        note = -torch.where(bounded, crowded, voicing.ENOUGH * (voices - least).clamp(min=0))
        ticks, inside = self._all_ticks, self._all_ticks < now.dial("TICKS")
        crowd = now.heard >= most
        until = torch.where(crowd, ticks + 1, 0).amax(1, keepdim=True)
        until = torch.where((crowd & inside).any(1, keepdim=True), until, 0)
        apart = (voicing.OVERLAP * (until - ticks[: self._span])).clamp(0, voicing.MOST_OVERLAP)
        heard = ((now.heard > 0) & inside).sum(1, keepdim=True)
        end = -2 * lacking - voicing.UNFILLED * (1 - heard / now.dial("TICKS").clamp(min=1))
        return note, end, -lacking - apart

    def _pitches(self, now: _Now) -> torch.Tensor:
        """[B, pitches]: `Voices.pitch` and `Register.pitch`."""
        sounding = now.rings.gather(2, now.position[:, :, None].expand(-1, now.rings.shape[1], 1))[:, :, 0]
        pushed = now.dial("VOICED") * (sounding @ self._apart) + now.of_bar("in_key")
        played = now.played[:, : len(self._all_pitches)]
        written = played > 0
        pitches, width = self._all_pitches, now.dial("WIDTH")
        lowest = torch.where(written, pitches, NONE).amin(1, keepdim=True)
        highest = torch.where(written, pitches, -NONE).amax(1, keepdim=True)
        lowest = torch.minimum(lowest, now.dial("LOWEST"))
        highest = torch.maximum(highest, now.dial("HIGHEST"))
        outside = (pitches < highest - width) | (pitches > lowest + width)
        classes = (played @ self._of_class) > 0
        full = classes.sum(1, keepdim=True) >= now.dial("CLASSES")
        strange = full & ~classes.index_select(1, self._class)
        return pushed + FORBIDDEN * outside.float() + FORBIDDEN * strange.float()

    def _durations(self, now: _Now, least: torch.Tensor) -> torch.Tensor:
        """[B, durations]: `Voices.duration` and `Lengths.duration`."""
        left = torch.where(now.heard > 0, self._all_ticks + 1, 0).amax(1, keepdim=True) - now.position
        together = now.dial("VOICED") * (left > 0) * (least > 1)
        pushed = -voicing.TOGETHER * together * (self._lengths - torch.log(left.clamp(min=1))).abs()
        played = now.played[:, len(self._all_pitches) :]
        shares = (now.of_bar("reached") * played[:, None]).sum(2) / (now.notes - 1).clamp(min=1).double()
        shortest = torch.where(now.dial("SHORTEST") > 0, shares[:, :1], 2.0)
        longest = torch.where(now.dial("LONGEST") > 0, shares[:, 1:], 2.0)
        short_of = now.of_bar("short_of")
        lacking = torch.where(shortest <= longest, short_of[:, 0], short_of[:, 1])
        lacks = torch.minimum(shortest, longest) < voicing.REACHED
        return pushed + now.of_bar("beyond") + torch.where(lacks, lacking, self._nothing)

    def _leaning(self, logits: torch.Tensor, now: _Now) -> torch.Tensor:
        """`ChordLean.lean`."""
        leans = (now.dial("LEANS") > 0) & ~now.names_a_length
        row = (now.bars[:, None] * 2 + (now.here > 0)) * self._span + now.position
        table = now.there["lean"].index_select(0, row[:, 0]).index_select(1, self._class)
        pitches = logits[:, self.places.pitches]
        pushed = pitches + table
        pushed = pushed + torch.logsumexp(pitches, 1, keepdim=True) - torch.logsumexp(pushed, 1, keepdim=True)
        pitches.copy_(torch.where(leans, pushed, pitches))
        begun = now.notes > 0
        following = now.of_bar("next_chord").gather(1, torch.where(begun, now.position + 1, 0))
        past = torch.where(leans, now.dial("PAST"), self._nothing)
        logits[:, self.places.positions] -= past * (self._all_ticks[: self._span] > following)
        logits -= past * (begun & (following < NONE)) * self._ends
        return logits


class _Now:
    """The state of every take at one step."""

    def __init__(
        self,
        steering: DeviceSteering,
        there: Mapping[str, torch.Tensor],
        bars: torch.Tensor,
        last: torch.Tensor,
        counts: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
        memory: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    ) -> None:
        self.there, self.bars, self.last = there, bars, last
        self.notes, self.here, self.position = counts
        self.rings, self.heard, self.played = memory
        self._dials = there["dials"].index_select(0, bars)
        melodic = self.dial("MELODIC") > 0
        onset = last == steering._onset
        self.names_a_length = melodic & onset
        self.completed = (last == steering._opened) | torch.where(melodic, last == steering._duration, onset)

    def dial(self, name: str) -> torch.Tensor:
        """[B, 1]."""
        column = Dial[name]
        return self._dials[:, column : column + 1]

    def of_bar(self, name: str) -> torch.Tensor:
        """A table of each take's bar."""
        return self.there[name].index_select(0, self.bars)
