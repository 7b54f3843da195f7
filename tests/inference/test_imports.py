"""Importing the package costs neither torch nor transformers nor ONNX Runtime; a command line's help costs none of them."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = "{'torch', 'transformers', 'onnxruntime', 'huggingface_hub', 'safetensors'}"


@pytest.mark.parametrize(
    "statement",
    [
        "import companion.inference",
        "from companion.inference import GenerationRequest, InferenceConfig, LiveInfill",
        "from companion.cli.main import run; run(['infill', '--help'])",
        "from companion.cli.main import run; run(['checkpoints', '--matrix'])",
    ],
)
def test_nothing_heavy_is_imported_before_it_is_used(statement):
    code = f"import sys; {statement}; sys.exit(sorted({HEAVY} & set(sys.modules)) or 0)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
