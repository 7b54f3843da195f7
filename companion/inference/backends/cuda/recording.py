"""Recording of steps, so that a GPU can replay them without the host.

An engine has one recorder. It records every step before the engine is ready; `made` counts what it has recorded, so a test can
check that nothing is recorded while music plays. Where a device cannot record, a step is run as it is.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

Step = Callable[[], object]
Capture = Callable[[Step], Step]


class Recorder:
    """Turns steps into replays. A step may read and write only tensors that stay where they are."""

    def __init__(self, capture: Capture) -> None:
        self._capture = capture
        self.made = 0

    @classmethod
    def for_device(cls, device: torch.device) -> Recorder:
        """Record CUDA graphs on a GPU; run steps one by one elsewhere."""
        return cls(GraphCapture() if device.type == "cuda" else _as_it_is)

    def record(self, step: Step) -> Step:
        """Return a function that does what `step` does. Recording may run the step, so its inputs must be valid."""
        self.made += 1
        return self._capture(step)


def _as_it_is(step: Step) -> Step:
    return step


class GraphCapture:
    """Captures CUDA graphs. All graphs share one pool of working memory, because they never run at the same time."""

    def __init__(self) -> None:
        self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, step: Step) -> Step:
        # The step is run once before, because kernels and workspaces must exist when recording begins.
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            step()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool):
            step()
        return graph.replay
