"""`python -m companion.bench.engines.memory ENGINE CHECKPOINT BARS TRACKS`: load, make one bar, print this process's resident MB.

It runs in its own process, because memory that another engine has used is never fully returned. Like the program itself,
it avoids torch where the engine can.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from companion.inference.backends.base import Backend


def main(engine: str, checkpoint_path: str, bars: str, tracks: str) -> None:
    """Print the number."""
    from companion.bench.engines.material import make_score, one_bar_request
    from companion.bench.engines.runners import CompanionRunner, make_runner
    from companion.bench.machine import resident_mb
    from companion.inference.backends.select import open_ready
    from companion.tokenizer import Tokenizer
    from companion.tokenizer.encoder_config import EncoderConfig

    name, _, scheme = engine.partition(":")
    opened: tuple[Backend, EncoderConfig] | None = None
    if scheme and name == "onnx":
        from companion.inference.backends.onnx.backend import open_cached

        if cached := open_cached(Path(checkpoint_path), quantization=scheme):
            opened = cached[0], EncoderConfig.from_dict(cached[1].encoder_config)
    elif not scheme and (ready := open_ready(Path(checkpoint_path), engine)):
        opened = ready[1], ready[0].encoder_config
    if opened is not None:
        runner = CompanionRunner(engine, opened[0], Tokenizer(opened[1]))
    else:
        from companion.inference.checkpoints.files import load_checkpoint

        checkpoint = load_checkpoint(checkpoint_path)
        runner = make_runner(engine, checkpoint, Tokenizer(checkpoint.encoder_config))
    runner.bar(one_bar_request(make_score(int(bars), int(tracks), seed=0)), seed=1)
    print(resident_mb())


if __name__ == "__main__":
    main(*sys.argv[1:5])
