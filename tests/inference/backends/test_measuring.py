"""The scheme of the CPU engine is chosen by a measurement on this machine, which is made once and kept."""

from __future__ import annotations

import json
import platform
from pathlib import Path

import pytest

from companion.inference.backends.onnx import measuring
from companion.inference.backends.onnx.building import build_quickly, cached_graphs
from companion.inference.backends.onnx.schemes import automatic_scheme


@pytest.mark.parametrize(
    ("exact", "decoding", "prefill", "scheme"),
    [
        # Bytes that saturate are never multiplied, however quick they are.
        (False, {"q8": 2.0, "int8": 0.1}, {"fp32": 9.0, "int8": 0.1}, "q8-kv8"),
        (True, {"q8": 1.0, "int8": 1.0}, {"fp32": 2.0, "int8": 1.0}, "mixed-kv8"),
        (True, {"q8": 1.0, "int8": 1.0}, {"fp32": 1.1, "int8": 1.0}, "q8-kv8"),
        (True, {"q8": 1.5, "int8": 1.0}, {"fp32": 2.0, "int8": 1.0}, "int8-kv8"),
        (True, {"q8": 1.1, "int8": 1.0}, {"fp32": 2.0, "int8": 1.0}, "mixed-kv8"),
    ],
)
def test_a_coarser_scheme_must_be_worth_it(
    exact: bool, decoding: dict[str, float], prefill: dict[str, float], scheme: str
) -> None:
    assert measuring.choose(exact, decoding, prefill) == scheme


def test_what_was_measured_is_kept_for_this_machine_and_width(tmp_path: Path) -> None:
    assert measuring.measured_scheme(128, tmp_path) is None
    scheme = measuring.measure_scheme(128, tmp_path)
    assert measuring.measured_scheme(128, tmp_path) == scheme == automatic_scheme(128, tmp_path)
    assert measuring.measured_scheme(256, tmp_path) is None
    measuring.measure_scheme(64, tmp_path)
    assert measuring.measured_scheme(128, tmp_path) == scheme
    kept = json.loads((tmp_path / measuring.FILE_NAME).read_text())
    (tmp_path / measuring.FILE_NAME).write_text(json.dumps({**kept, "machine": "another"}))
    assert measuring.measured_scheme(128, tmp_path) is None


@pytest.mark.parametrize("text", ["", "[]", '{"machine": 1}', '{"schemes": {"128": "q8"}}', "\x00"])
def test_a_damaged_file_is_as_good_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / measuring.FILE_NAME).write_text(text)
    assert measuring.measured_scheme(128, tmp_path) is None
    assert measuring.measure_scheme(128, tmp_path) == measuring.measured_scheme(128, tmp_path)


def test_the_product_of_the_largest_bytes_agrees_with_what_the_processor_says_of_itself() -> None:
    if platform.machine() != "x86_64" or not Path("/proc/cpuinfo").exists():
        pytest.skip("only Linux on x86 lists its features")
    assert measuring.multiplies_bytes_exactly(128) == ("vnni" in Path("/proc/cpuinfo").read_text())


def test_graphs_are_built_and_found_under_the_measured_scheme(tmp_path: Path) -> None:
    checkpoint = Path("companion/checkpoints/yellow_mini.pt")
    assert build_quickly(checkpoint, tmp_path)
    found = cached_graphs(checkpoint, cache_dir=tmp_path)
    assert found is not None
    stored, scheme = found
    assert scheme == measuring.measured_scheme(stored.model_config["n_embd"], tmp_path)
