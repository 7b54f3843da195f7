# pyright: reportMissingImports=false, reportIndexIssue=false
"""The fused sampler on the tensors of a `DeviceSampler`: the sizes that its kernel is compiled for, and the call."""

from __future__ import annotations

from typing import NamedTuple

import torch
import triton

from companion.inference.backends.cuda.kernels import sampler as kernels
from companion.inference.backends.cuda.writing import sampling
from companion.inference.backends.cuda.writing.pushes import NONE, Dial, lengths_of
from companion.inference.backends.cuda.writing.sampling import DeviceSampler
from companion.inference.decoding.choosing import SMALLEST_CHANCE
from companion.inference.steering import pacing, voicing
from companion.inference.steering.bar_so_far import Places
from companion.tokenizer import Vocabulary
from companion.tokenizer.token_types import TokenType

WARPS = 8
_ABSENT = -1  # the number of a token type that the vocabulary lacks
_POINTERS = (
    *("state", "draws", "step", "done", "tokens", "weights", "rings", "heard", "played"),
    *("uniforms", "bias", "filters", "limits", "weighed", "allowed", "facts", "opened", "from_tick"),
    *("dials", "behind", "ahead", "beyond", "short_of", "reached", "in_key", "lean", "next_chord"),
    *("type_of", "after", "before", "content"),
)  # the kernel's arguments, in its order


class Sizes(NamedTuple):
    """What the kernel is compiled for: sizes, columns of the tables, numbers of token types, and the weights of the pushes."""

    VOCAB: int
    BLOCK_V: int
    TYPES: int
    HOLDS: int
    ROWS_A_BAR: int
    MOST_OPENED: int
    POSITION: int
    SPAN: int
    PITCH: int
    PITCHES: int
    DURATION: int
    DURATIONS: int
    HEARD: int
    PLAYED: int
    BLOCK_T: int
    END: int
    ONSET_KIND: int
    DURATION_KIND: int
    POSITION_KIND: int
    OPENED_KIND: int
    END_KIND: int
    BAR_END_KIND: int
    VELOCITY_KIND: int
    SHIFT_KIND: int
    SIDE_KIND: int
    ONSET_TYPE: int
    DURATION_TYPE: int
    POSITION_TYPE: int
    OPENED_TYPE: int
    LAST: int = sampling.LAST
    BAR: int = sampling.BAR
    NOTES: int = sampling.NOTES
    TOGETHER: int = sampling.TOGETHER
    PLACE: int = sampling.PLACE
    LEFT: int = sampling.LEFT
    ROOM: int = sampling.ROOM
    WRITTEN: int = sampling.WRITTEN
    PITCH_COLUMN: int = sampling.PITCH
    COLUMNS: int = sampling.COLUMNS
    ANYTHING: int = sampling.ANYTHING
    MAY_REST: int = sampling.MAY_REST
    DIALS: int = len(Dial)
    DIALLED: int = int(Dial.DIALLED)
    MELODIC: int = int(Dial.MELODIC)
    TICKS: int = int(Dial.TICKS)
    PACED: int = int(Dial.PACED)
    PACE_FEWEST: int = int(Dial.PACE_FEWEST)
    PACE_MOST: int = int(Dial.PACE_MOST)
    PULL: int = int(Dial.PULL)
    REACH: int = int(Dial.REACH)
    VOICED: int = int(Dial.VOICED)
    FEWEST: int = int(Dial.FEWEST)
    MOST: int = int(Dial.MOST)
    SHORTEST: int = int(Dial.SHORTEST)
    LONGEST: int = int(Dial.LONGEST)
    WIDTH: int = int(Dial.WIDTH)
    LOWEST: int = int(Dial.LOWEST)
    HIGHEST: int = int(Dial.HIGHEST)
    CLASSES: int = int(Dial.CLASSES)
    LEANS: int = int(Dial.LEANS)
    PAST: int = int(Dial.PAST)
    REST_ODDS: int = int(Dial.REST_ODDS)
    NONE: float = NONE
    REACHED: float = voicing.REACHED
    THICKEN: float = voicing.THICKEN
    ENOUGH: float = voicing.ENOUGH
    UNFILLED: float = voicing.UNFILLED
    THIN: float = voicing.THIN
    OVERLAP: float = voicing.OVERLAP
    MOST_OVERLAP: float = voicing.MOST_OVERLAP
    TOGETHER_NATS: float = voicing.TOGETHER
    SAME_PITCH: float = voicing.SAME_PITCH
    SEMITONE: float = voicing.SEMITONE
    STACK_PULL: float = pacing.STACK_PULL
    MOST_TOGETHER: int = pacing.MOST_TOGETHER
    FORBIDDEN: float = pacing.FORBIDDEN
    SMALLEST: float = SMALLEST_CHANCE
    LARGEST: int = (1 << 63) - 1

    @classmethod
    def of(cls, vocabulary: Vocabulary) -> Sizes:
        """The sizes of one vocabulary."""
        kinds = {kind: number for number, kind in enumerate(vocabulary.domains)}
        places = Places.of(vocabulary)
        ticks, pitches, durations = lengths_of(places)
        heard, played = ticks + durations + 1, pitches + durations
        onset, duration, position, opened = (
            kinds[kind]
            for kind in (
                TokenType.NOTE_ONSET,
                TokenType.NOTE_DURATION,
                TokenType.TIME_ABSOLUTE_POS,
                TokenType.FILL_IN_START,
            )
        )
        return cls(
            VOCAB=vocabulary.size,
            BLOCK_V=triton.next_power_of_2(vocabulary.size),
            TYPES=len(kinds),
            HOLDS=sampling.HOLDS,
            ROWS_A_BAR=len(kinds) * sampling.HOLDS,
            MOST_OPENED=sampling.MOST_OPENED,
            POSITION=places.positions.start,
            SPAN=ticks,
            PITCH=places.pitches.start,
            PITCHES=pitches,
            DURATION=places.durations.start,
            DURATIONS=durations,
            HEARD=heard,
            PLAYED=played,
            BLOCK_T=triton.next_power_of_2(max(heard, played)),
            END=vocabulary.first_id(TokenType.FILL_IN_END),
            ONSET_KIND=onset,
            DURATION_KIND=duration,
            POSITION_KIND=position,
            OPENED_KIND=opened,
            END_KIND=kinds[TokenType.FILL_IN_END],
            BAR_END_KIND=kinds.get(TokenType.BAR_END, _ABSENT),
            VELOCITY_KIND=kinds.get(TokenType.VELOCITY_LEVEL, _ABSENT),
            SHIFT_KIND=kinds.get(TokenType.DELTA, _ABSENT),
            SIDE_KIND=kinds.get(TokenType.DELTA_DIRECTION, _ABSENT),
            ONSET_TYPE=onset * sampling.HOLDS,
            DURATION_TYPE=duration * sampling.HOLDS,
            POSITION_TYPE=position * sampling.HOLDS,
            OPENED_TYPE=opened * sampling.HOLDS,
        )


class FusedSampler:
    """Chooses tokens as `DeviceSampler.choose` does, and writes the next step's inputs."""

    def __init__(self, sampler: DeviceSampler, capacity: int, positions: int) -> None:
        """capacity: rows of a slot. positions: of the model."""
        tensors = sampler.tensors
        self._tensors = [tensors[name] for name in _POINTERS]
        self._sizes = Sizes.of(sampler.grammar.vocabulary)
        self._takes, self._limit = sampler.tokens.shape
        self._most = capacity - 1, positions - 1

    def choose(self, logits: torch.Tensor, fed: torch.Tensor) -> None:
        """Choose from logits [B, vocab]. fed [4, takes, 1]: see `DeviceWriter`."""
        kernels.choose[(len(logits),)](
            logits, fed, self._takes, self._limit, *self._most, *self._tensors, C=self._sizes, num_warps=WARPS
        )
