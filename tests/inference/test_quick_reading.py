"""Packed files read without torch: the same weights and graphs as with it, and everything unusual left to the careful reader."""

from __future__ import annotations

import collections
import os
import pickle
import shutil
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import torch

from companion.inference.checkpoints.files import load_checkpoint, save_checkpoint
from companion.inference.checkpoints.quick import read_quickly


@pytest.fixture(params=[torch.float16, torch.float32])
def packed(request, tmp_path, checkpoint_of):
    original = checkpoint_of("yellow")
    parts = original.config, original.encoder_config, original.state_dict
    return save_checkpoint(tmp_path / "model.pt", *parts, dtype=request.param, chord_guide=True)


def test_the_weights_are_those_that_torch_reads(packed):
    careful, read = load_checkpoint(packed), read_quickly(packed)
    assert read is not None
    quick, weights = read
    assert (quick.config, quick.encoder_config, quick.chord_guide) == (careful.config, careful.encoder_config, True)
    assert set(weights) == set(careful.state_dict)
    for name, tensor in careful.state_dict.items():
        assert weights[name].dtype == np.float32
        assert np.array_equal(weights[name], tensor.numpy()), name


def test_the_graphs_are_those_that_are_built_with_torch(packed, tmp_path):
    backend = pytest.importorskip("companion.inference.backends.onnx.backend")
    from companion.inference.backends.onnx.building import build_quickly
    from companion.inference.backends.onnx.measuring import FILE_NAME

    quick, careful = tmp_path / "quick", tmp_path / "careful"
    assert build_quickly(packed, quick)
    # The scheme was measured for the first of the two.
    careful.mkdir()
    shutil.copy(quick / FILE_NAME, careful)
    backend.OnnxBackend.from_checkpoint(load_checkpoint(packed), cache_dir=careful)
    names = sorted(path.name for path in quick.iterdir())
    assert names == sorted(path.name for path in careful.iterdir())
    assert all((quick / name).read_bytes() == (careful / name).read_bytes() for name in names)


def test_the_first_start_of_an_engine_needs_no_torch(packed, tmp_path):
    pytest.importorskip("onnxruntime")
    code = (
        "import sys; from companion.inference.engine import InferenceEngine; "
        f"InferenceEngine.from_checkpoint({str(packed)!r}, 'onnx'); sys.exit('torch' in sys.modules)"
    )
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=120)
    assert any((tmp_path / "cache").rglob("*.onnx"))


def test_numbers_that_are_not_finite_are_left_to_the_reader_that_names_them(tmp_path, packed):
    content = torch.load(packed, weights_only=True)
    content["state_dict"]["transformer.ln_f.bias"][0] = float("nan")
    torch.save(content, packed)
    assert read_quickly(packed) is None


@pytest.mark.parametrize("spoil", ["cut", "strided", "double", "lacking", "build", "no zip", "folder", "big endian"])
def test_what_is_unusual_is_left_to_the_careful_reader(tmp_path, packed, spoil):
    content = torch.load(packed, weights_only=True)
    weights = content["state_dict"]
    if spoil == "cut":
        packed.write_bytes(packed.read_bytes()[:-4000])
    elif spoil == "strided":
        weights["lm_head.weight"] = weights["lm_head.weight"].t().contiguous().t()
        torch.save(content, packed)
    elif spoil == "double":
        weights["lm_head.weight"] = weights["lm_head.weight"].double()
        torch.save(content, packed)
    elif spoil == "lacking":
        del weights["lm_head.weight"]
        torch.save(content, packed)
    elif spoil == "build":
        ordered = collections.OrderedDict(weights)
        ordered._metadata = {}
        torch.save({**content, "state_dict": ordered}, packed)
    elif spoil == "no zip":
        packed.write_bytes(b"no archive at all")
    elif spoil == "folder":
        packed.unlink()
        packed.mkdir()
    else:
        rewrite(packed, "byteorder", b"big")
    assert read_quickly(packed) is None


def rewrite(path, member: str, data: bytes) -> None:
    """Replace one member of an archive."""
    other = path.with_suffix(".other")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(other, "w") as new:
        for info in old.infolist():
            new.writestr(info, data if info.filename.endswith(f"/{member}") else old.read(info))
    shutil.move(other, path)


class Runs:
    """Pickles into a call that leaves a file behind."""

    def __init__(self, mark) -> None:
        self.mark = str(mark)

    def __reduce__(self):
        return os.system, (f"touch {self.mark}",)


def test_code_in_the_file_is_not_run(tmp_path, packed):
    rewrite(packed, "data.pkl", pickle.dumps({"format_version": 1, "state_dict": Runs(tmp_path / "ran")}, 2))
    assert read_quickly(packed) is None
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "code", [b"\x96\xff\xff\xff\xff\xff\x00\x00\x00.", b"\x8b\xff\xff\xff\x7f.", b"cbuiltins\nexec\n."]
)
def test_operations_that_no_checkpoint_needs_are_not_known(packed, code):
    rewrite(packed, "data.pkl", b"\x80\x02" + code)
    assert read_quickly(packed) is None


def test_a_tensor_that_reaches_past_its_data_is_refused(packed):
    rewrite(packed, "data/2", bytes(2))
    assert read_quickly(packed) is None
