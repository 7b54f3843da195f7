"""One bar on each engine, ours and the peers', timed in the same way.

A runner takes a request for one bar and reports the times of prompt, prefill and tokens. Peers are imported only on demand. They
run with their own defaults on the same music and the same weights.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

from companion.bench.engines.batches import pass_ratios
from companion.bench.engines.overhead import host_ms_a_token
from companion.errors import UsageError
from companion.inference.backends.base import Backend
from companion.inference.checkpoints.files import Checkpoint
from companion.inference.decoding.choosing import DecodeSettings
from companion.inference.decoding.sampling import SamplingOptions
from companion.inference.decoding.token_loop import PromptRunner
from companion.inference.prompts.prompt import WindowRequest, build_prompt
from companion.midi.file import write_midi
from companion.tokenizer import Tokenizer

NOTES_LIMIT = 15  # most notes in a bar: untrained weights would not end it, and 15 notes are about 60 tokens
TOKENS = 60


@dataclass(frozen=True, slots=True)
class Sample:
    """One generated bar. prompt_ms: encoding and everything else that is neither prefill nor decoding."""

    prompt_tokens: int
    tokens: int
    prompt_ms: float
    prefill_ms: float
    decode_ms: float

    @property
    def ms_per_token(self) -> float:
        return self.decode_ms / max(self.tokens, 1)

    @property
    def bar_ms(self) -> float:
        """The time of the whole bar as if it had `TOKENS` tokens, so that engines with different notes can be compared."""
        return self.prompt_ms + self.prefill_ms + TOKENS * self.ms_per_token


class Runner(Protocol):
    """A program under test."""

    name: str

    def bar(self, request: WindowRequest, seed: int) -> Sample:
        """Generate the request's one target, cold: nothing reused from before."""
        ...


class CompanionRunner:
    """Our own engine with grammar and sampling."""

    def __init__(self, name: str, backend: Backend, tokenizer: Tokenizer) -> None:
        self.name = name
        self.backend = backend
        self._tokenizer = tokenizer
        self._runner = PromptRunner(backend, tokenizer)
        self._runner.warm_up()

    def host_ms(self, request: WindowRequest) -> dict[str, float]:
        """Milliseconds of a token beside the model, see `bench.overhead`."""
        return {
            "plain": host_ms_a_token(self._tokenizer, request, steered=False),
            "steered": host_ms_a_token(self._tokenizer, request, steered=True),
        }

    def pass_ratios(self, request: WindowRequest, takes: bool = False) -> dict[int, float] | None:
        """What a pass over several rows costs, see `bench.batches`."""
        return pass_ratios(self._runner, build_prompt(self._tokenizer, request), takes=takes)

    def bar(self, request: WindowRequest, seed: int) -> Sample:
        started = perf_counter()
        prompt = build_prompt(self._tokenizer, request)
        prompt_ms = (perf_counter() - started) * 1000
        settings = DecodeSettings(SamplingOptions(), seed=seed, allow_rests=False, density_hard_limit=NOTES_LIMIT)
        _, stats = self._runner.run(prompt, request, settings)
        return Sample(len(prompt.ids), stats.generated_tokens, prompt_ms, stats.prefill_ms, stats.decode_ms)


class TransformersRunner:
    """GPT2LMHeadModel.generate with its own cache, sampling from the plain distribution."""

    def __init__(self, checkpoint: Checkpoint, tokenizer: Tokenizer, threads: int | None = None) -> None:
        self.name = f"transformers:{threads}" if threads else "transformers"
        self._threads = threads or default_torch_threads()
        from companion.inference.backends.reference import build_model

        self._model = build_model(checkpoint.config)
        self._model.load_state_dict(checkpoint.state_dict)
        self._tokenizer = tokenizer

    def bar(self, request: WindowRequest, seed: int) -> Sample:
        import torch

        started = perf_counter()
        ids = torch.tensor([build_prompt(self._tokenizer, request).ids])
        prompt_ms = (perf_counter() - started) * 1000
        torch.manual_seed(seed)
        torch.set_num_threads(self._threads)
        prefill_ms = self._generate(ids, 1)
        whole_ms = self._generate(ids, TOKENS + 1)
        return Sample(ids.shape[1], TOKENS, prompt_ms, prefill_ms, max(whole_ms - prefill_ms, 0.0))

    def _generate(self, ids: Any, tokens: int) -> float:
        import torch

        started = perf_counter()
        with torch.inference_mode():
            self._model.generate(
                ids, attention_mask=torch.ones_like(ids), do_sample=True, top_k=0, max_new_tokens=tokens,
                min_new_tokens=tokens, pad_token_id=0,
            )  # fmt: skip
        return (perf_counter() - started) * 1000


class MidigptRunner:
    """midigpt's own session on the same checkpoint file and the same music, with its checks off so that nothing is retried."""

    def __init__(self, checkpoint: Checkpoint, threads: int | None = None) -> None:
        self.name = f"midigpt:{threads}" if threads else "midigpt"
        self._threads = threads or default_torch_threads()
        try:
            import midigpt
            from midigpt import inference
        except ImportError as error:
            raise UsageError(f"midigpt is not installed ({error}): pip install midigpt==0.4.2") from None
        self._midigpt, self._inference = midigpt, inference
        self._engine = inference.InferenceEngine.from_checkpoint(str(checkpoint.path))
        self._forward_ms: list[tuple[int, float]] = []
        self._time_model()

    def _time_model(self) -> None:
        """Note every call of the model: the first of a run is the prefill."""
        model: Any = self._engine._model
        inner: Callable[..., Any] = model.forward

        def timed(*args: Any, **kwargs: Any) -> Any:
            started = perf_counter()
            result = inner(*args, **kwargs)
            ids = args[0] if args else next(iter(kwargs.values()))
            self._forward_ms.append((int(ids.shape[-1]), (perf_counter() - started) * 1000))
            return result

        model.forward = timed

    def bar(self, request: WindowRequest, seed: int) -> Sample:
        import torch

        torch.set_num_threads(self._threads)
        score = self._score(request)
        inference, (target, bar) = self._inference, request.targets[0]
        prompts = [
            inference.TrackPrompt(id=t, bars=[bar] if t == target else []) for t in range(len(request.window.tracks))
        ]
        config = inference.InferenceConfig(
            model_dim=request.window.bar_count, seed=seed, novelty_check=False, silence_check=False,
            density_hard_limit=NOTES_LIMIT, max_attempts=1,
        )  # fmt: skip
        self._forward_ms.clear()
        with contextlib.redirect_stderr(io.StringIO()):
            started = perf_counter()
            self._engine.session(score, inference.GenerationRequest(tracks=prompts, config=config)).run()
            whole_ms = (perf_counter() - started) * 1000
        (prompt_tokens, prefill_ms), tokens = self._forward_ms[0], len(self._forward_ms)
        model_ms = sum(ms for _, ms in self._forward_ms[1:])
        prompt_ms = max(whole_ms - prefill_ms - model_ms, 0.0)
        return Sample(prompt_tokens, tokens, prompt_ms, prefill_ms, model_ms * tokens / max(tokens - 1, 1))

    def _score(self, request: WindowRequest) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "window.mid"
            write_midi(request.window, path)
            return self._midigpt.Score.from_midi(str(path))


def make_runner(name: str, checkpoint: Checkpoint, tokenizer: Tokenizer) -> CompanionRunner:
    """An engine's name, `onnx:SCHEME` or `native:KERNELS`; raises CompanionError for what this machine cannot run."""
    from companion.inference.backends.select import make_backend

    engine, _, scheme = name.partition(":")
    if scheme and engine not in ("onnx", "native"):
        raise UsageError(f"{name!r}: only onnx and native have variants, as in onnx:q8-kv8 and native:avx2")
    if scheme and engine == "native":
        from companion.inference.backends.native.backend import NativeBackend

        return CompanionRunner(name, NativeBackend.from_checkpoint(checkpoint, kernels=scheme), tokenizer)
    if scheme:
        from companion.inference.backends.onnx.backend import OnnxBackend

        return CompanionRunner(name, OnnxBackend.from_checkpoint(checkpoint, quantization=scheme), tokenizer)
    backend = _stand_in(checkpoint) if engine == "cuda" else None
    if backend is None:
        backend, _ = make_backend(checkpoint, engine)
    return CompanionRunner(backend.name, backend, tokenizer)


def _stand_in(checkpoint: Checkpoint) -> Backend | None:
    """The GPU engine's code on the CPU where there is no GPU, so that its operations can be counted; else None."""
    import torch

    if torch.cuda.is_available():
        return None
    from companion.inference.backends.cuda.backend import CudaBackend

    return CudaBackend.from_checkpoint(checkpoint, "cpu")


@cache
def default_torch_threads() -> int:
    """Torch's own number of threads, read before any runner changes it."""
    import torch

    return torch.get_num_threads()


def make_peer(name: str, checkpoint: Checkpoint, tokenizer: Tokenizer) -> Runner:
    """`transformers` or `midigpt`, with torch's own number of threads, or with another: `midigpt:1`."""
    peer, _, count = name.partition(":")
    if count and not (count.isdecimal() and int(count) > 0):
        raise UsageError(f"{name!r}: write a number of threads, as in {peer}:1")
    threads = int(count) if count else None
    if peer == "transformers":
        return TransformersRunner(checkpoint, tokenizer, threads)
    if peer == "midigpt":
        return MidigptRunner(checkpoint, threads)
    raise UsageError(f"no peer {name!r} (known: transformers, midigpt)")


def warm_up(runners: list[Runner], request: WindowRequest) -> None:
    """One bar each: first calls allocate, compile and fill caches."""
    for runner in runners:
        runner.bar(request, seed=1)
