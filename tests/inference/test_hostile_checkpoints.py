"""Hostile and broken checkpoint files: one line, no code run, memory bounded."""

from __future__ import annotations

import io
import json
import os
import pickle
import random
import resource
import struct
import zipfile

import pytest
import torch

from companion.errors import CheckpointError
from companion.inference.checkpoints.archive import load_torchscript_parameters
from companion.inference.checkpoints.files import load_checkpoint


class Runs:
    """Pickles into a call that leaves a file behind."""

    def __init__(self, mark) -> None:
        self.mark = str(mark)

    def __reduce__(self):
        return os.system, (f"touch {self.mark}",)


def refuse(path) -> str:
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path)
    message = str(caught.value)
    assert "\n" not in message
    assert path.name in message
    assert not any(word in message for word in ("weights_only", "trust", "torch.load", "safe_globals")), (
        "no such advice"
    )
    return message


def archive_of(path, pickled: bytes, extra: dict[str, bytes] | None = None, compress: bool = False) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED) as archive:
        archive.writestr("model/data.pkl", pickled)
        archive.writestr("model/version", "3")
        for name, data in (extra or {}).items():
            archive.writestr(f"model/{name}", data)


@pytest.mark.parametrize("where", ["whole", "state_dict", "config", "tensor"])
def test_code_in_a_pickle_is_not_run(tmp_path, where):
    mark, path = tmp_path / "ran", tmp_path / "evil.pt"
    bomb = Runs(mark)
    documents = {
        "whole": bomb,
        "state_dict": {"format_version": 1, "config": {}, "state_dict": bomb},
        "config": {"format_version": 1, "config": bomb, "state_dict": {}},
        "tensor": {"format_version": 1, "config": {}, "state_dict": {"transformer.wte.weight": bomb}},
    }
    torch.save(documents[where], path)
    assert "refused" in refuse(path)
    assert not mark.exists()


def test_code_in_a_torchscript_archive_is_not_run(tmp_path):
    mark = tmp_path / "ran"
    archive_of(
        tmp_path / "model.pt", pickle.dumps({"weight": Runs(mark)}, 2), {"constants.pkl": b"", "code/x.py": b"boom"}
    )
    assert load_torchscript_parameters(tmp_path / "model.pt") == {}
    (tmp_path / "config.json").write_text("{}")
    assert "no GPT-2 weights" in refuse_directory(tmp_path)
    assert not mark.exists()


def refuse_directory(path) -> str:
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "pickled",
    [
        b"\x80\x02r\xff\xff\xff\x7f.",  # a memo slot number that would size an array
        b"\x80\x05\x96\xff\xff\xff\xff\xff\xff\xff\x7f.",  # a byte array of 2^63 - 1 bytes
        b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7f.",  # a text as long
        b"(" * 200_000 + b".",
        b"]" + b"a" * 10,
        b"",
    ],
    ids=["memo slot", "bytes", "text", "marks", "appends", "nothing"],
)
def test_pickles_that_would_take_all_memory_are_refused(tmp_path, pickled):
    archive_of(tmp_path / "model.pt", pickled, {"constants.pkl": b""})
    archive_of(tmp_path / "plain.pt", pickled)
    (tmp_path / "config.json").write_text("{}")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refuse_directory(tmp_path)
    refuse(tmp_path / "plain.pt")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kilobytes


def test_nested_lists_without_end_are_refused(tmp_path):
    deep = b"\x80\x02" + b"]" * 5000 + b"a" * 4999 + b"."
    archive_of(tmp_path / "model.pt", b"\x80\x02}(X\x01\x00\x00\x00a" + deep[2:-1] + b"u.", {"constants.pkl": b""})
    (tmp_path / "config.json").write_text("{}")
    assert "no GPT-2 weights" in refuse_directory(tmp_path)


def test_an_archive_that_unpacks_to_more_than_it_holds_is_refused(tmp_path):
    archive_of(tmp_path / "bomb.pt", pickle.dumps({}), {"data/0": bytes(50_000_000)}, compress=True)
    assert "claims more data" in refuse(tmp_path / "bomb.pt")


def test_a_tensor_that_reaches_past_its_data_is_refused(tmp_path):
    def tensor_of(size, stride):
        class Pickler(pickle.Pickler):
            def persistent_id(self, value):
                return ("storage", torch.FloatStorage, "0", "cpu", 4) if value == "here" else None

        class Tensor:
            def __reduce__(self):
                return torch._utils._rebuild_tensor_v2, ("here", 0, size, stride, False, {})

        out = io.BytesIO()
        Pickler(out, 2).dump({"transformer": {"wte": {"weight": Tensor()}}})
        return out.getvalue()

    (tmp_path / "config.json").write_text("{}")
    for size, stride in (((1 << 40, 1), (1, 1)), ((2, 2), (1 << 40, 1)), ((-1, 2), (1, 1))):
        archive_of(tmp_path / "model.pt", tensor_of(size, stride), {"constants.pkl": b"", "data/0": bytes(16)})
        assert "past its data" in refuse_directory(tmp_path)


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_cut_and_damaged_files_are_refused_or_whole(tmp_path, checkpoint_of, suffix):
    from companion.inference.checkpoints.files import save_checkpoint

    original = checkpoint_of("yellow")
    whole = save_checkpoint(
        tmp_path / f"x.{suffix}", original.config, original.encoder_config, original.state_dict
    ).read_bytes()
    rng = random.Random(1)
    path = tmp_path / f"damaged.{suffix}"
    for length in [0, 1, 4, 7, 8, 9, 100, 1000, *(rng.randrange(len(whole)) for _ in range(8)), len(whole) - 1]:
        path.write_bytes(whole[:length])
        refuse(path)
    for _ in range(40):
        data = bytearray(whole)
        at = rng.choice([rng.randrange(3000), rng.randrange(len(whole)), len(whole) - 1 - rng.randrange(3000)])
        data[at : at + 4] = rng.randbytes(4)
        path.write_bytes(data)
        try:
            loaded = load_checkpoint(path)
        except CheckpointError as error:
            lines = str(error).splitlines()
        else:  # a few changed weights cannot be told from others
            lines = [loaded.name] if loaded.config == original.config else []
        assert len(lines) == 1


def test_hostile_safetensors_headers_are_refused(tmp_path):
    path = tmp_path / "x.safetensors"
    huge = {"a": {"dtype": "F32", "shape": [1 << 40, 1 << 20], "data_offsets": [0, 8]}}
    deep = '{"__metadata__": {"format_version": "2", "config": "' + "[" * 100_000 + '"}}'
    for header in (json.dumps(huge), deep, '{"__metadata__": {"config": 5}}', "[]", "{}"):
        text = header.encode()
        path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(8))
        refuse(path)
    path.write_bytes(struct.pack("<Q", 1 << 62) + b"{}")
    refuse(path)


def test_things_that_are_no_checkpoint_are_named(tmp_path):
    assert "no such" in refuse(tmp_path / "missing.pt")
    assert "no config.json" in refuse(tmp_path)
    (tmp_path / "text.pt").write_text("hello")
    assert "not a torch archive" in refuse(tmp_path / "text.pt")
    os.mkfifo(tmp_path / "pipe.pt")
    assert "not a file" in refuse(tmp_path / "pipe.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    assert "not a packed checkpoint" in refuse(tmp_path / "list.pt")
