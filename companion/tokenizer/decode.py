"""Token ids to music: whole sequences, and one token at a time while a model is still writing.

Known ids are accepted in any order, because a model may have written them. Ids outside the vocabulary are an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from companion.music.meter import TimeSignature
from companion.music.quantize import GridRounding, regrid
from companion.music.score import Bar, Note, Score, Track
from companion.tokenizer.token_types import TokenType
from companion.tokenizer.vocabulary import DEFAULT_VELOCITY, Vocabulary

_FILL_BOUNDS = (TokenType.FILL_IN_START, TokenType.FILL_IN_END)


class NoteDecoder:
    """Turns tokens into notes as they come.

    Notes are in model ticks (12 per quarter) from the bar line. delta is signed, in 1/12 of a tick. A drum note lasts one tick.
    Position and delta are reset at every Bar and FillInStart, and the velocity level only at a Track or `start_bar`.
    velocity: the velocity of notes before the first VelocityLevel.
    """

    def __init__(self, vocabulary: Vocabulary, is_drum: bool = False, velocity: int = DEFAULT_VELOCITY) -> None:
        self._vocabulary = vocabulary
        self._types = vocabulary.id_types
        self._first = {token_type: first for token_type, (first, _) in vocabulary.domains.items()}
        self.start_bar(is_drum, velocity)

    def start_bar(self, is_drum: bool, velocity: int = DEFAULT_VELOCITY) -> None:
        """Begin a bar (or fill) of a melodic or drum track."""
        self.is_drum = is_drum
        self.velocity = velocity
        self._reset_position()

    def _reset_position(self) -> None:
        self.position_ticks = 0
        self._pitch: int | None = None
        self._delta, self._sign = 0, 1

    def push(self, token_id: int) -> Note | None:
        """Take the next token. Returns the note that it completes, if any. Raises TokenizerError for unknown ids."""
        token_type, value = self._vocabulary.type_of(token_id)
        pitch, self._pitch = self._pitch, None
        if token_type is TokenType.NOTE_ONSET:
            if self.is_drum:
                return self._note(value, 1)
            self._pitch = value
        elif token_type is TokenType.NOTE_DURATION:
            if pitch is not None:
                return self._note(pitch, value + 1)
        elif token_type is TokenType.TIME_ABSOLUTE_POS:
            self.position_ticks, self._delta = value, 0
        elif token_type is TokenType.VELOCITY_LEVEL:
            self.velocity = self._vocabulary.velocities[value]
        elif token_type is TokenType.DELTA:
            self._delta += self._sign * value
        elif token_type is TokenType.DELTA_DIRECTION:
            self._delta, self._sign = 0, -1
        elif token_type in (TokenType.BAR, TokenType.FILL_IN_START):
            self._reset_position()
        elif token_type is TokenType.TRACK:
            self.start_bar(bool(value))
        return None

    def _note(self, pitch: int, duration: int) -> Note:
        note = Note(self.position_ticks, duration, pitch, self.velocity, self._delta)
        self._delta, self._sign = 0, 1
        return note


class Decoder:
    """Decodes whole sequences for one vocabulary."""

    def __init__(self, vocabulary: Vocabulary, rounding: GridRounding = GridRounding.NEAREST) -> None:
        self.vocabulary = vocabulary
        self.rounding = rounding

    def decode(self, ids: Sequence[int], resolution: int | None = None) -> Score:
        """The score that the ids describe. Each fill is put into its placeholder's bar.

        resolution: ticks per quarter of the result; by default the model's 12. Each instrument becomes the representative program
        of its class. Raises TokenizerError for ids outside the vocabulary.
        """
        notes = NoteDecoder(self.vocabulary)
        tracks: list[Track] = []
        bars: list[Bar] = []
        row: list[Note] = []
        meter = TimeSignature(4, 4)
        program, open_bar = 0, False

        def end_bar() -> None:
            nonlocal open_bar
            if open_bar:
                bars.append(Bar(tuple(row), meter))
                row.clear()
            open_bar = False

        def end_track() -> None:
            end_bar()
            if bars:
                tracks.append(Track(tuple(bars), program, notes.is_drum))
                bars.clear()

        for token_id in self._substituted(ids):
            token_type, value = self.vocabulary.type_of(token_id)
            if token_type is TokenType.TRACK:
                end_track()
                program = 0
            elif token_type is TokenType.BAR:
                end_bar()
                meter, open_bar = TimeSignature(4, 4), True
            elif token_type is TokenType.BAR_END:
                end_bar()
            elif token_type is TokenType.TIME_SIG:
                meter = self.vocabulary.meter(value)
            elif token_type is TokenType.INSTRUMENT:
                program = self.vocabulary.program(value)
            note = notes.push(token_id)
            if note is not None and open_bar:
                row.append(note)
        end_track()
        score = Score(tuple(tracks), self.vocabulary.config.resolution)
        return score if resolution is None else regrid(score, resolution, rounding=self.rounding)

    def _substituted(self, ids: Sequence[int]) -> Iterator[int]:
        """The ids with every placeholder replaced by its fill, without the fill blocks at the end."""
        if TokenType.FILL_IN_START not in self.vocabulary:
            yield from ids
            return
        start = self.vocabulary.id(TokenType.FILL_IN_START)
        placeholder = self.vocabulary.id(TokenType.FILL_IN_PLACEHOLDER)
        cut = next((index for index, token_id in enumerate(ids) if token_id == start), len(ids))
        fills = self._fills(ids[cut:])
        for token_id in ids[:cut]:
            if token_id == placeholder:
                yield from next(fills, ())
            else:
                yield token_id

    def _fills(self, ids: Iterable[int]) -> Iterator[list[int]]:
        start, end = (self.vocabulary.id(bound) for bound in _FILL_BOUNDS)
        block: list[int] | None = None
        for token_id in ids:
            if token_id == start:
                block = []
            elif token_id == end:
                if block is not None:
                    yield block
                block = None
            elif block is not None:
                block.append(token_id)
        if block is not None:
            yield block
