"""`python -m companion.bench.engines.memory ENGINE CHECKPOINT BARS TRACKS`: load, make one bar, print this process's resident MB.

It runs in its own process, because memory that another engine has used is never fully returned. Like the program itself,
it avoids torch where the engine can.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main(engine: str, checkpoint_path: str, bars: str, tracks: str) -> None:
    """Print the number."""
    from companion.bench.engines.material import make_score, one_bar_request
    from companion.bench.engines.runners import CompanionRunner, make_runner
    from companion.bench.machine import resident_mb
    from companion.tokenizer import Tokenizer
    from companion.tokenizer.encoder_config import EncoderConfig

    name, _, scheme = engine.partition(":")
    cached = None
    if name == "onnx":
        from companion.inference.backends.onnx.backend import open_cached

        cached = open_cached(Path(checkpoint_path), quantization=scheme or "auto")
    if cached is not None:
        backend, known = cached
        runner = CompanionRunner(engine, backend, Tokenizer(EncoderConfig.from_dict(known.encoder_config)))
    else:
        from companion.inference.checkpoints.files import load_checkpoint

        checkpoint = load_checkpoint(checkpoint_path)
        runner = make_runner(engine, checkpoint, Tokenizer(checkpoint.encoder_config))
    runner.bar(one_bar_request(make_score(int(bars), int(tracks), seed=0)), seed=1)
    print(resident_mb())


if __name__ == "__main__":
    main(*sys.argv[1:5])
