"""The training loop: steps, measurements, saving and stopping.

Accelerate handles devices and machines, `batches` the examples, and `optimizers` the rates. The loop owns the clock.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast, gather_object, set_seed
from torch.nn.utils import clip_grad_norm_

from companion.errors import TrainingError
from companion.tokenizer import Tokenizer
from companion.training.config import TrainingConfig
from companion.training.examples.batches import Batch, PoolDataset, StreamPosition, fixed_batches, stream
from companion.training.examples.samples import SampleMaker
from companion.training.network.attention import check_attention
from companion.training.network.export import export
from companion.training.network.model import PackedGPT2, build_model, score_batch
from companion.training.network.optimizers import build_optimizers, set_rate
from companion.training.network.schedule import Schedule
from companion.training.network.transfer import init_from_checkpoint, load_teacher
from companion.training.run.curves import append_row, draw_curves, drop_rows_after, read_rows
from companion.training.run.meters import Pace, Sums, stop_signals
from companion.training.run.state import Progress, load_state, save_state
from companion.training.run.view import RunView

STATE_FILE, CURVE_FILE, PICTURE_FILE = "state.pt", "curve.jsonl", "curve.png"
_VALID_SEED = 20_000
_SHOW_SECONDS = 1.0


def precision(dtype: str) -> str:
    """Accelerate's name for a `run.dtype`: bf16 on GPUs that have it and on CPUs with matrix units for it (AMX), else fp32."""
    if dtype != "auto":
        return "bf16" if dtype == "bf16" else "no"
    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported() else "no"
    return "bf16" if _has_matrix_units() else "no"


def _has_matrix_units() -> bool:
    try:
        return "amx_bf16" in Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False


class Trainer:
    """One run of one config into one folder.

    say: called with lines for the user. show: called with the state of the run once a second. Both only in the first process.
    fingerprint: identifies settings and data; it is checked on resume.
    """

    def __init__(
        self,
        config: TrainingConfig,
        tokenizer: Tokenizer,
        makers: tuple[SampleMaker, SampleMaker],
        out: Path,
        fingerprint: str,
        say: Callable[[str], None] = print,
        show: Callable[[RunView], None] = lambda view: None,
    ) -> None:
        self.config, self.tokenizer, self.out, self.fingerprint = config, tokenizer, out, fingerprint
        self.name = config.run.encoder
        self.accelerator = Accelerator(mixed_precision=precision(config.run.dtype))
        self.say = say if self.accelerator.is_main_process else lambda line: None
        self._show = show if self.accelerator.is_main_process else lambda view: None
        set_seed(config.run.seed)
        self.bare_model = build_model(config.model, tokenizer.vocabulary.size)
        self._train_maker, valid_maker = makers
        self.valid_batches = self._validation(valid_maker)
        check_attention(self.accelerator.device)
        if config.run.init_from:
            rows = init_from_checkpoint(self.bare_model, tokenizer.vocabulary, Path(config.run.init_from))
            self.say(f"started from {config.run.init_from}: {rows} of {tokenizer.vocabulary.size} tokens known")
        self.bare_model.to(self.accelerator.device)
        self.teacher = self._load_teacher()
        fused = self.accelerator.device.type in ("cpu", "cuda")
        self.optimizers = build_optimizers(self.bare_model, config.optimizer, fused)
        settings = config.optimizer
        self.schedule = Schedule(settings.warmup_steps, settings.decay_share, settings.steps)
        self.progress = Progress(position=StreamPosition(self.accelerator.process_index))
        self._sums = Sums()
        self._stop_signal = 0

    def _validation(self, maker: SampleMaker) -> dict[str, list[Batch]]:
        """The fixed windows without variation: once without guides, and once with guides if chords are known."""
        windows, tokens = self.config.run.valid_windows, self.config.optimizer.tokens_per_batch
        kinds = {"": maker.as_played(chord_guide=0.0)}
        if maker.settings.chord_guide and maker.knows_chords:
            kinds["guided_"] = maker.as_played(chord_guide=1.0)
        return {name: fixed_batches(kind, _VALID_SEED, windows, tokens) for name, kind in kinds.items()}

    def _load_teacher(self) -> PackedGPT2 | None:
        path = self.config.run.teacher
        if not path:
            return None
        teacher = load_teacher(Path(path), self.tokenizer.vocabulary)
        teacher.to(self.accelerator.device)
        self.say(
            f"learning from {path}: {sum(weight.numel() for weight in teacher.parameters()) / 1e6:.1f} M parameters"
        )
        return teacher

    # -- the run ------------------------------------------------------------------------------------------------------

    def resume(self) -> None:
        """Continue from the folder's saved state. Raises TrainingError when no state fits."""
        self.schedule, self.progress = load_state(
            self.out / STATE_FILE,
            self.bare_model,
            self.optimizers,
            self.fingerprint,
            self.accelerator.process_index,
            self.accelerator.num_processes,
        )
        if self.schedule.finished(self.progress.step):  # a finished run is continued, so the rate rises again
            self.schedule.decay_start, self.schedule.steps = -1, self.config.optimizer.steps
        if self.accelerator.is_main_process:
            drop_rows_after(self.out / CURVE_FILE, self.progress.step)
        self.say(f"resumed at step {self.progress.step} ({self.progress.tokens / 1e6:.2f} M tokens)")

    def run(self, seconds: float | None = None) -> Progress:
        """Train until the schedule ends, `seconds` from now at the latest. Returns the progress.

        An interrupt (ctrl-C, SIGTERM) saves and returns early. Raises TrainingError when the loss is not finite or the disk is full.
        """
        pace = Pace(self.progress.seconds, seconds)
        model, batches = self._prepared(), self._stream()
        with stop_signals(self._on_signal):
            while True:
                self.progress.seconds = pace.seconds
                self.schedule.plan(self.progress.step, pace.left, pace.seconds, pace.seconds_per_step)
                orders = self._orders(pace)
                self._obey(orders, pace)
                if orders["stop"] or self.schedule.finished(self.progress.step):
                    break
                self._step(model, batches)
                pace.stepped()
                if pace.due("show", _SHOW_SECONDS):
                    self._show(self._view(pace))
        self.progress.seconds = pace.seconds
        self._finish()
        return self.progress

    def _prepared(self) -> torch.nn.Module:
        # Every pack has one shape, so one graph serves all steps.
        model = torch.compile(self.bare_model, dynamic=False) if self.config.run.compile else self.bare_model
        return self.accelerator.prepare_model(model)  # pyright: ignore[reportArgumentType]

    def _stream(self) -> Iterator[tuple[Batch, StreamPosition]]:
        settings = self.config
        pools = PoolDataset(
            self._train_maker, settings.run.seed, settings.run.pool_windows, settings.optimizer.tokens_per_batch
        )
        rank, world = self.accelerator.process_index, self.accelerator.num_processes
        return stream(pools, self.progress.position, settings.run.workers, rank, world)

    def _step(self, model: torch.nn.Module, batches: Iterator[tuple[Batch, StreamPosition]]) -> None:
        """One update of the weights from `batches_per_step` batches."""
        model.train()
        set_rate(self.optimizers, self.schedule.factor(self.progress.step))
        for _ in range(self.config.optimizer.batches_per_step):
            batch, self.progress.position = next(batches)
            with self.accelerator.autocast():
                share = self.config.run.teacher_share
                score = score_batch(model, batch.to(self.accelerator.device), self.teacher, share)
            self.accelerator.backward(score.mean / self.config.optimizer.batches_per_step)
            self._sums.add(score.sums)
            self.progress.tokens += batch.tokens * self.accelerator.num_processes
        clip_grad_norm_(self.bare_model.parameters(), self.config.optimizer.clip)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.progress.step += 1

    # -- between steps ------------------------------------------------------------------------------------------------

    def _on_signal(self, number: int, frame: Any) -> None:
        self._stop_signal = number

    def _orders(self, pace: Pace) -> dict[str, bool]:
        """Decide what to do before the next step. The first process decides, so that all agree on it and on the schedule."""
        run = self.config.run
        periods = {"log": run.log_seconds, "valid": run.valid_seconds, "save": run.save_seconds}
        orders = {"stop": bool(self._stop_signal), **{name: pace.due(name, period) for name, period in periods.items()}}
        if self.accelerator.num_processes == 1:
            return orders
        line = self.schedule
        values = [*map(float, orders.values()), line.decay_start, line.decay_steps, line.decay_level]
        told = broadcast(torch.tensor(values, device=self.accelerator.device, dtype=torch.float64))
        assert isinstance(told, torch.Tensor)
        shared = told.tolist()
        if shared[4] >= 0:
            line.begin_decay(int(shared[4]), int(shared[5]), shared[6])
        return dict(zip(orders, map(bool, shared), strict=False))

    def _obey(self, orders: dict[str, bool], pace: Pace) -> None:
        if orders["log"]:
            self._log(pace)
        if orders["valid"]:
            self._measure()
        if orders["save"]:
            self.save()

    def _log(self, pace: Pace) -> None:
        bits, speed = self._sums.bits(), self._sums.speed()
        self._sums = Sums()
        if not math.isfinite(bits):
            raise TrainingError(
                f"the loss is no longer a number at step {self.progress.step}; lower the learning rate and --resume"
            )
        row = {"step": self.progress.step, "tokens": self.progress.tokens, "seconds": round(self.progress.seconds, 1)}
        self._record({**row, "train_bits": round(bits, 4), "rate": round(self.schedule.factor(self.progress.step), 4)})
        to_go = self._seconds_to_go(pace)
        ending = "" if to_go is None else f" | {to_go / 60:.0f} min left"
        tokens = self.progress.tokens / 1e6
        self.say(
            f"step {self.progress.step} | {tokens:.2f} M tokens | {bits:.3f} bits/token | {speed:.0f} tokens/s{ending}"
        )

    def _view(self, pace: Pace) -> RunView:
        to_go = self._seconds_to_go(pace)
        share = None if to_go is None else pace.spent / max(1e-9, pace.spent + to_go)
        bits = self._sums.bits() if self._sums.parts else None
        return RunView(self.progress.step, self.progress.tokens, bits, self._sums.speed(), share, to_go)

    def _seconds_to_go(self, pace: Pace) -> float | None:
        """The remaining time by the time limit or by the planned steps, whichever is shorter."""
        end = self.schedule.end()
        by_steps = None if end is None else (end - self.progress.step) * pace.seconds_per_step
        return min((value for value in (pace.left, by_steps) if value is not None), default=None)

    def _measure(self) -> None:
        found = self.validate()
        row = {"step": self.progress.step, "tokens": self.progress.tokens, "seconds": round(self.progress.seconds, 1)}
        self._record({**row, **{key: round(value, 4) for key, value in found.items()}})
        self.progress.best_valid = min(self.progress.best_valid, found["valid_bits"])
        self.say("valid | " + " | ".join(f"{key.removeprefix('valid_')} {value:.3f}" for key, value in found.items()))

    @torch.inference_mode()
    def validate(self) -> dict[str, float]:
        """Bits per token on the fixed validation windows: of all tokens, of infilled bars, and of infilled bars of live windows."""
        self.bare_model.eval()
        found: dict[str, float] = {}
        for name, batches in self.valid_batches.items():
            sums = Sums()
            for batch in batches:
                with self.accelerator.autocast():
                    sums.add(score_batch(self.bare_model, batch.to(self.accelerator.device)).sums)
            found[f"valid_{name}bits"] = sums.bits()
            found[f"valid_{name}filled_bits"] = sums.filled_bits()
            found[f"valid_{name}live_bits"] = sums.live_bits()
        return found

    def _record(self, row: dict[str, Any]) -> None:
        if self.accelerator.is_main_process:
            append_row(self.out / CURVE_FILE, row)

    def save(self) -> None:
        """Write the state to resume from and the packed checkpoint."""
        positions = [self.progress.position]
        if self.accelerator.num_processes > 1:
            positions = gather_object(positions)
        if self.accelerator.is_main_process:
            state = (self.schedule, self.progress, positions, self.fingerprint)
            save_state(self.out / STATE_FILE, self.bare_model, self.optimizers, *state)
            guided = self.config.samples.chord_guide > 0 and self._train_maker.knows_chords
            export(self.bare_model, self.tokenizer.config, self.out / f"{self.name}.pt", chord_guide=guided)

    def _finish(self) -> None:
        self._measure()
        self.save()
        if self.accelerator.is_main_process:
            draw_curves(read_rows(self.out / CURVE_FILE), self.out / PICTURE_FILE, self.name)
        word = "stopped; go on with --resume" if self._stop_signal else "done"
        self.say(
            f"{word}: step {self.progress.step}, {self.progress.tokens / 1e6:.2f} M tokens, {self.out / (self.name + '.pt')}"
        )
