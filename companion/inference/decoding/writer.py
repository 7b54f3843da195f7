"""From the tokens a model writes to bars on the score's own grid, note by note."""

from __future__ import annotations

from collections.abc import Callable

from companion.inference.prompts.prompt import WindowRequest
from companion.inference.requests.planner import Cell
from companion.music.quantize import grid_bar
from companion.music.score import Bar, Note
from companion.tokenizer import TokenType, Vocabulary
from companion.tokenizer.decode import NoteDecoder

OnNote = Callable[[int, int, Note, int], None]  # (track, bar, note on the score's grid, take)
OnBar = Callable[[int, int, int], None]  # (track, bar, take): that bar is complete


class BarWriter:
    """Sorts one take's tokens into its target bars and reports every note as soon as it is complete.

    bars: the bars written so far, by window cell. While `listening` is False, notes are read but do not
    count as written. A bar that the model starts without naming a velocity takes the last velocity
    that its track showed before it, as a reader of the whole sequence would.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        request: WindowRequest,
        targets: tuple[Cell, ...],
        take: int,
        on_note: OnNote | None,
        on_bar: OnBar | None,
    ) -> None:
        self.bars: dict[Cell, list[Note]] = {}
        self.listening = True
        self._vocabulary, self._request, self._targets = vocabulary, request, targets
        self._take, self._on_note, self._on_bar = take, on_note, on_bar
        self._types = vocabulary.id_types
        self._decoder = NoteDecoder(vocabulary)
        self._current = -1
        if not request.autoregressive:
            self._open()  # the prompt ends in the first FillInStart

    def push(self, token: int) -> None:
        """Take the next token."""
        token_type = self._types[token]
        if token_type in (TokenType.FILL_IN_START, TokenType.BAR):
            self._open()
            return
        note = self._decoder.push(token)
        if note is not None and self.listening:
            self._write(note)
        elif token_type in (TokenType.FILL_IN_END, TokenType.BAR_END) and self._on_bar is not None:
            self._on_bar(*self._targets[self._current], self._take)

    def _open(self) -> None:
        self._current += 1
        cell = self._targets[self._current]
        self.bars[cell] = []
        self._decoder.start_bar(self._request.window.tracks[cell[0]].is_drum, self._velocity_before(cell))

    def _velocity_before(self, cell: Cell) -> int:
        track, bar = cell
        shown = self._request.window.tracks[track].bars
        for number in range(bar - 1, -1, -1):
            written = self.bars.get((track, number))
            if written:
                return written[-1].velocity
            seen = (track, number) not in self._request.hidden and (track, number) not in self._targets
            if seen and shown[number].notes:
                level = self._vocabulary.velocity_levels[min(max(shown[number].notes[-1].velocity, 0), 127)]
                return self._vocabulary.velocities[level]
        return self._vocabulary.velocities[0]

    def _write(self, note: Note) -> None:
        cell = self._targets[self._current]
        window = self._request.window
        meter = window.tracks[cell[0]].bars[cell[1]].time_signature
        bar = Bar((note,), meter)
        inside, carried = grid_bar(bar, self._vocabulary.config.resolution, window.resolution, keep_deltas=True)
        length = bar.length_ticks(window.resolution)
        placed = Note(*inside[0]) if inside else Note(max(length - 1, 0), *carried[0][1:4])
        self.bars[cell].append(placed)
        if self._on_note is not None:
            self._on_note(*cell, placed, self._take)
