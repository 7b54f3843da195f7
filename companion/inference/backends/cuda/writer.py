"""Writing on the device: each step chooses a token and feeds it to the next. Steps are recorded once and replayed.

The host starts batches of steps and reads each batch's tokens while the next one runs. A writer has its own memory, into which
the prompt's rows are copied (10 MB at 20 M parameters, microseconds on a GPU). It needs one because recorded steps are bound
to addresses, and because takes differ from their second token on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch

from companion.inference.backends.cuda.model import BUCKET, StaticModel, readable_rows
from companion.inference.backends.cuda.sampling import DeviceSampler
from companion.inference.backends.writing import Infill, PromptEnd
from companion.tokenizer.grammar import Grammar

AHEAD = 8  # steps per batch: the device has enough work while the host reads, and notes still arrive soon


class DeviceWriter:
    """Writes infills, one at a time, for a fixed number of takes."""

    def __init__(self, model: StaticModel, grammar: Grammar, takes: int, targets: int) -> None:
        """targets: most targets per infill."""
        self.grammar, self.most_targets = grammar, targets
        self._model = model
        self._limit = model.config.n_positions
        self._memory = model.new_memory(takes)
        self._sampler = DeviceSampler(grammar, takes, self._limit, targets, model.device)
        self._ids, self._positions = torch.zeros((2, takes, 1), dtype=torch.int64, device=model.device)
        self._row, self._following = torch.zeros((2, 1), dtype=torch.int64, device=model.device)
        self._recorded: dict[tuple[int, bool], torch.cuda.CUDAGraph] = {}

    def record_all(self) -> None:
        """Record the steps for every length of prompt, without mask_k and mask_p."""
        if self._model.records:
            for readable in range(BUCKET, self._model.capacity + 1, BUCKET):
                self._recorded_step(readable, False)

    def write(self, memory: torch.Tensor, length: int, end: PromptEnd, infill: Infill) -> Iterator[list[list[int]]]:
        """See `WritingBackend.write`. The first `length` rows of `memory` hold the prompt without its last token."""
        with torch.inference_mode():
            self._memory[..., :length, :] = memory[:, :, :1, :, :length]
            self._sampler.start(infill)
            self._ids.fill_(end.token)
            self._positions.fill_(end.position)
            self._following.fill_(end.next_position)
            self._row.fill_(length)
        masking = infill.options.mask_k > 0 or infill.options.mask_p > 0
        room = min(self._limit - length, self._limit - end.next_position + 1)
        seen = [0] * len(self._ids)
        before: _Snapshot | None = None
        for start in range(0, room, AHEAD):
            running = self._start_batch(length + start, min(AHEAD, room - start), masking)
            if before is not None:
                fresh, done = before.read(seen)
                yield fresh
                if done:
                    return
            before = running
        if before is not None:
            yield before.read(seen)[0]

    @torch.inference_mode()
    def _start_batch(self, row: int, steps: int, masking: bool) -> _Snapshot:
        for number in range(steps):
            readable = readable_rows(row + number + 1)
            if self._model.records:
                self._recorded_step(readable, masking).replay()
            else:
                self._step(readable, masking)
        return _Snapshot(self._sampler)

    def _recorded_step(self, readable: int, masking: bool) -> torch.cuda.CUDAGraph:
        key = readable, masking
        if key not in self._recorded:
            changing = (self._ids, self._positions, self._row, self._following, *self._sampler.state)
            kept = [tensor.clone() for tensor in changing]
            self._recorded[key] = record(lambda: self._step(readable, masking))
            for tensor, value in zip(changing, kept, strict=True):
                tensor.copy_(value)
        return self._recorded[key]

    def _step(self, readable: int, masking: bool) -> None:
        """One step: model, grammar and draw, then the inputs of the next step."""
        logits = self._model.step(self._memory, self._ids, self._positions, self._row, readable)
        self._ids.copy_(self._sampler.choose(logits, masking)[:, None])
        self._positions.copy_(self._following.expand_as(self._positions))
        self._following.add_(1)
        self._row.add_(1)


def record(step: Callable[[], object]) -> torch.cuda.CUDAGraph:
    """Capture `step`. It is run once before, because kernels and workspaces must exist when recording begins."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph


class _Snapshot:
    """The tokens written so far, copied to the host while the device continues."""

    def __init__(self, sampler: DeviceSampler) -> None:
        on_gpu = sampler.tokens.is_cuda
        self._parts = [
            torch.empty_like(part, device="cpu", pin_memory=on_gpu) for part in (sampler.tokens, sampler.done)
        ]
        for part, source in zip(self._parts, (sampler.tokens, sampler.done), strict=True):
            part.copy_(source, non_blocking=True)
        self._copied = torch.cuda.Event() if on_gpu else None
        if self._copied is not None:
            self._copied.record()

    def read(self, seen: list[int]) -> tuple[list[list[int]], bool]:
        """Return the tokens of every take that were not yet `seen`, and whether every take is done. Updates `seen`."""
        if self._copied is not None:
            self._copied.synchronize()
        tokens, done = self._parts
        fresh = [row[row >= 0].tolist() for row in (tokens[take, count:] for take, count in enumerate(seen))]
        seen[:] = [count + len(new) for count, new in zip(seen, fresh, strict=True)]
        return fresh, bool(done.all())
