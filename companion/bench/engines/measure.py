"""Compares engines: in each round every engine writes the same bar. The results are the rows of the report.

Numbers from different times on a shared machine cannot be compared. Medians of alternating rounds can.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from time import sleep
from typing import Any

import numpy as np

from companion.bench.engines.material import make_score, one_bar_request
from companion.bench.engines.runners import CompanionRunner, Runner, Sample, warm_up
from companion.bench.machine import busy_core, read_bandwidth
from companion.inference.checkpoints.files import Checkpoint, ModelConfig

_WEIGHT_BYTES = {
    "int8": 1.0,
    "q8": 1.125,
    "native": 1.0625,  # two bytes for a scale
    "mixed": 1.125,
    "q4": 0.625,
    "fp16": 2.0,
    "fp32": 4.0,
}  # blocks of 32 carry one float each, where nothing else is said
SETTLE_SECONDS = 0.3  # torch's threads spin on for 0.2 s after their last work, on a core that the next runner needs


@dataclass(slots=True)
class Row:
    """One engine on one checkpoint and window; milliseconds are medians unless named otherwise.

    floor_ms: bytes of weights and cache that one token must read, over the bandwidth at which one core reads that much; on a
    GPU the larger of that device's two floors, which `device` holds with its name and its kernels (`bench.device.Floors`).
    host_ms: of a token beside the model, {plain, steered}. pass_ratios: parts of a bar in a batch → how many times longer a
    pass takes than with one; take_ratios: the same for takes of a part.
    against: for each peer, how many times longer it took for {prefill, token, bar}.
    """

    engine: str
    checkpoint: str
    parameters: int
    window_bars: int
    tracks: int
    prompt_tokens: int
    prefill_ms: float
    ms_per_token: float
    bar_ms: dict[str, float]
    tokens_per_second: float
    rss_mb: float | None
    floor_ms: float | None
    contended: bool
    rounds: int
    against: dict[str, dict[str, float]] = field(default_factory=dict)
    quality: dict[str, float] | None = None
    device: dict[str, Any] | None = None
    host_ms: dict[str, float] | None = None
    pass_ratios: dict[int, float] | None = None
    take_ratios: dict[int, float] | None = None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def measure(
    ours: Sequence[CompanionRunner],
    peers: Sequence[Runner],
    checkpoint: Checkpoint,
    bars: int,
    tracks: int,
    rounds: int,
    contended: bool = False,
) -> list[Row]:
    """Rows for all our engines, and then for all peers."""
    runners: list[Runner] = [*ours, *peers]
    samples: dict[str, list[Sample]] = {runner.name: [] for runner in runners}
    with busy_core(contended):
        warm_up(runners, one_bar_request(make_score(bars, tracks, seed=0)))
        for number in range(rounds):
            # Each round has other music, so that no cache helps, and another order, so that no engine is always first.
            request = one_bar_request(make_score(bars, tracks, seed=number + 1))
            turn = number % len(runners)
            for runner in runners[turn:] + runners[:turn]:
                sleep(SETTLE_SECONDS)
                samples[runner.name].append(runner.bar(request, seed=number))
    rows = [_row(runner.name, samples[runner.name], checkpoint, bars, tracks, contended) for runner in runners]
    for row, runner in zip(rows, ours, strict=False):
        if runner.backend.name == "cuda":
            _add_device_floors(row, runner.backend, checkpoint)
        else:
            row.floor_ms = floor_ms(checkpoint.config, getattr(runner.backend, "scheme", "fp32"), row.prompt_tokens)
        row.host_ms = runner.host_ms(one_bar_request(make_score(bars, tracks, seed=0)))
        row.pass_ratios = runner.pass_ratios(one_bar_request(make_score(bars, tracks, seed=0)))
        row.take_ratios = runner.pass_ratios(one_bar_request(make_score(bars, tracks, seed=0)), takes=True)
        row.against = {peer.name: _ratios(samples[peer.name], samples[row.engine]) for peer in peers}
    return rows


def _add_device_floors(row: Row, backend: Any, checkpoint: Checkpoint) -> None:
    from companion.bench.engines.device import device_name, floors

    kind = "fp16" if backend.device == "cuda" else "fp32"
    found = floors(backend, checkpoint, bytes_per_token(checkpoint.config, kind, row.prompt_tokens))
    row.device = {"name": device_name(backend), "kernels_used": backend.kernels, **found._asdict()}
    row.floor_ms = max(found.read_ms, found.launch_ms)


def _row(name: str, samples: list[Sample], checkpoint: Checkpoint, bars: int, tracks: int, contended: bool) -> Row:
    bar_ms = [sample.bar_ms for sample in samples]
    token_ms = median(sample.ms_per_token for sample in samples)
    return Row(
        engine=name,
        checkpoint=checkpoint.name,
        parameters=checkpoint.config.parameters,
        window_bars=bars,
        tracks=tracks,
        prompt_tokens=int(median(sample.prompt_tokens for sample in samples)),
        prefill_ms=median(sample.prefill_ms for sample in samples),
        ms_per_token=token_ms,
        bar_ms={"p50": median(bar_ms), "p99": float(np.quantile(bar_ms, 0.99))},
        tokens_per_second=1000 / token_ms,
        rss_mb=None,
        floor_ms=None,
        contended=contended,
        rounds=len(samples),
    )


def _ratios(theirs: list[Sample], ours: list[Sample]) -> dict[str, float]:
    """Medians of the ratios within rounds: both sides of a ratio saw the same moment of the machine."""
    pairs = list(zip(theirs, ours, strict=True))
    return {
        "prefill": median(their.prefill_ms / our.prefill_ms for their, our in pairs),
        "token": median(their.ms_per_token / our.ms_per_token for their, our in pairs),
        "bar": median(their.bar_ms / our.bar_ms for their, our in pairs),
    }


def bytes_per_token(config: ModelConfig, scheme: str, cached_tokens: int) -> int:
    """Bytes that a decoding step must read: every matrix once, and the keys and values of the tokens before it."""
    weights, _, cache = scheme.partition("-")
    matrices = 12 * config.n_layer * config.n_embd**2 + config.vocab_size * config.n_embd
    rows = 2 * config.n_layer * config.n_embd * cached_tokens
    row_bytes = 1 if cache == "kv8" else 2 if scheme == "fp16" else 4
    return int(matrices * _WEIGHT_BYTES[weights] + rows * row_bytes)


def floor_ms(config: ModelConfig, scheme: str, cached_tokens: int) -> float:
    size = bytes_per_token(config, scheme, cached_tokens)
    return 1000 * size / read_bandwidth(size)


def resident_memory(engine: str, checkpoint: Checkpoint, bars: int, tracks: int) -> float | None:
    """MB resident in a process of its own that has loaded this engine and made one bar; None if that fails."""
    command = [
        sys.executable,
        "-m",
        "companion.bench.engines.memory",
        engine,
        str(checkpoint.path),
        str(bars),
        str(tracks),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        return float(done.stdout.split()[-1])
    except (IndexError, ValueError):
        return None
