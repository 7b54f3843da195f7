"""Reads, checks and writes checkpoint files: packed .pt (format 1), safetensors (format 2) and the legacy directory.

A checkpoint is a GPT-2 model and the encoder config of its vocabulary. Nothing in a file is executed, and nothing is trusted:
tensor names and shapes are compared with the model config, and the model's vocabulary size with the encoder's. Source of the
layouts: representation.md H. Errors are CheckpointError with one line that names the file and the fault.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.errors import CheckpointError, EncoderConfigError
from companion.tokenizer.encoder_config import EncoderConfig
from companion.tokenizer.vocabulary import Vocabulary

if TYPE_CHECKING:
    import torch

LEGACY_HEAD_SIZE = 64
_LIMITS = {"vocab_size": 1 << 17, "n_positions": 1 << 20, "n_embd": 1 << 14, "n_layer": 1 << 10, "n_head": 1 << 10}


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """Dimensions of the GPT-2. Keys and meaning are those of Hugging Face's GPT2Config."""

    vocab_size: int
    n_positions: int
    n_embd: int
    n_layer: int
    n_head: int

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ModelConfig:
        """Read and check; raises CheckpointError naming the key."""
        names = [item.name for item in fields(cls)]
        unknown, missing = sorted(map(str, set(data) - set(names))), [name for name in names if name not in data]
        if unknown or missing:
            raise CheckpointError(
                f"model config has unknown keys {unknown}" if unknown else f"model config lacks {missing}"
            )
        for name in names:
            value = data[name]
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _LIMITS[name]:
                raise CheckpointError(
                    f"model config: {name} must be a whole number in 1..{_LIMITS[name]}, got {value!r:.40}"
                )
        if data["n_embd"] % data["n_head"]:
            raise CheckpointError(f"model config: n_embd={data['n_embd']} is not divisible by n_head={data['n_head']}")
        return cls(**{name: data[name] for name in names})

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every tensor of the state dict and its shape; Conv1D weights are (in, out)."""
        width = self.n_embd
        shapes: dict[str, tuple[int, ...]] = {
            "transformer.wte.weight": (self.vocab_size, width),
            "transformer.wpe.weight": (self.n_positions, width),
            "transformer.ln_f.weight": (width,),
            "transformer.ln_f.bias": (width,),
            "lm_head.weight": (self.vocab_size, width),
        }
        matrices = {"attn.c_attn": (width, 3 * width), "attn.c_proj": (width, width)}
        matrices |= {"mlp.c_fc": (width, 4 * width), "mlp.c_proj": (4 * width, width)}
        for layer in range(self.n_layer):
            prefix = f"transformer.h.{layer}"
            for norm in ("ln_1", "ln_2"):
                shapes |= {f"{prefix}.{norm}.weight": (width,), f"{prefix}.{norm}.bias": (width,)}
            for name, shape in matrices.items():
                shapes |= {f"{prefix}.{name}.weight": shape, f"{prefix}.{name}.bias": shape[1:]}
        return shapes

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return sum(shape[0] * (shape[1] if len(shape) > 1 else 1) for shape in self.shapes().values())


@dataclass(frozen=True)
class Checkpoint:
    """A loaded checkpoint. state_dict: Hugging Face GPT2LMHeadModel keys, float32 tensors on the CPU, output layer untied.

    chord_guide: it was trained with chord guides (`companion.harmony.guide`). A key of that name in the file says so.
    """

    config: ModelConfig
    encoder_config: EncoderConfig
    state_dict: Mapping[str, torch.Tensor]
    path: Path
    name: str
    chord_guide: bool = False

    @cached_property
    def sha(self) -> str:
        """First 16 hex digits of the SHA-256 of the file's bytes: names these weights in recordings."""
        digest = hashlib.sha256()
        files = sorted(self.path.glob("*.*")) if self.path.is_dir() else [self.path]
        for file in files:
            with file.open("rb") as stream:
                while block := stream.read(1 << 20):
                    digest.update(block)
        return digest.hexdigest()[:16]


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Read a packed .pt, a .safetensors file or a legacy directory. Raises CheckpointError; never runs code from the file."""
    path = Path(path)
    if path.is_dir():
        config, encoder, state, guide = *_read_legacy(path), False
    elif not path.exists():
        raise CheckpointError(f"{path}: no such checkpoint file")
    elif not path.is_file():
        raise CheckpointError(f"{path}: not a file or directory")
    else:
        config, encoder, state, guide = _read_safetensors(path) if path.suffix == ".safetensors" else _read_packed(path)
    try:
        encoder_config = checked_encoder(config, encoder)
        return Checkpoint(config, encoder_config, _check_state(config, state), path, path.stem, guide)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from None


def checked_encoder(config: ModelConfig, value: object) -> EncoderConfig:
    """The encoder config of a file, which must fit the model. Raises CheckpointError."""
    encoder_config = _encoder_config(value)
    _check_vocabulary(config, encoder_config)
    return encoder_config


def _encoder_config(value: object) -> EncoderConfig:
    if isinstance(value, (str, bytes)):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise CheckpointError(f"encoder_config is not JSON ({str(error)[:120]})") from None
    if not isinstance(value, Mapping):
        raise CheckpointError("encoder_config is missing or not a mapping")
    try:
        return EncoderConfig.from_dict(value)
    except EncoderConfigError as error:
        raise CheckpointError(f"encoder_config: {error}") from None


def _check_vocabulary(config: ModelConfig, encoder_config: EncoderConfig) -> None:
    size = Vocabulary(encoder_config).size
    if size != config.vocab_size:
        raise CheckpointError(f"the model has {config.vocab_size} tokens but its encoder config describes {size}")


def _check_state(config: ModelConfig, state: object) -> dict[str, torch.Tensor]:
    """Return exactly the expected tensors, in float32. The causal-mask buffers of old files are dropped."""
    import torch

    if not isinstance(state, Mapping):
        raise CheckpointError("state_dict is missing or not a mapping")
    kept = {key: value for key, value in state.items() if not str(key).endswith((".attn.bias", ".attn.masked_bias"))}
    shapes = config.shapes()
    if missing := sorted(set(shapes) - set(kept)):
        raise CheckpointError(f"state_dict lacks {len(missing)} tensor(s), first {missing[0]}")
    if unknown := sorted(map(str, set(kept) - set(shapes))):
        raise CheckpointError(f"state_dict has {len(unknown)} unknown tensor(s), first {unknown[0][:80]!r}")
    result: dict[str, torch.Tensor] = {}
    for key, shape in shapes.items():
        tensor = kept[key]
        if not isinstance(tensor, torch.Tensor) or not tensor.is_floating_point() or tensor.layout != torch.strided:
            raise CheckpointError(f"{key} is not a floating-point tensor")
        if tuple(tensor.shape) != shape:
            raise CheckpointError(f"{key} has shape {tuple(tensor.shape)}, the model config says {shape}")
        if tensor.numel() > tensor.untyped_storage().nbytes() // tensor.element_size():
            raise CheckpointError(f"{key} is larger than its data")
        result[key] = tensor.detach().to(torch.float32).contiguous()
        if not torch.isfinite(result[key]).all():
            raise CheckpointError(f"{key} holds NaN or infinite weights")
    return result


def _model_config(path: Path, version: object, wanted: int, arch: object, config: object) -> ModelConfig:
    if version != wanted or isinstance(version, bool):
        raise CheckpointError(f"{path}: format_version is {version!r:.40}, expected {wanted}")
    if arch not in (None, "", "gpt2"):
        raise CheckpointError(f"{path}: architecture {arch!r:.40} is not supported (only gpt2)")
    if not isinstance(config, Mapping):
        raise CheckpointError(f"{path}: model config is missing or not a mapping")
    try:
        return ModelConfig.from_dict(config)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from None


def _read_packed(path: Path) -> tuple[ModelConfig, object, object, bool]:
    from companion.inference.checkpoints.archive import archive_names, is_torchscript, load_plain

    if is_torchscript(archive_names(path)):
        raise CheckpointError(f"{path}: a TorchScript archive; load the directory that holds it and its config.json")
    data = load_plain(path)
    if not isinstance(data, Mapping) or "state_dict" not in data:
        raise CheckpointError(f"{path}: not a packed checkpoint (no state_dict beside config and encoder_config)")
    config = _model_config(path, data.get("format_version"), 1, data.get("arch"), data.get("config"))
    return config, data.get("encoder_config"), data["state_dict"], data.get("chord_guide") is True


def _read_safetensors(path: Path) -> tuple[ModelConfig, object, object, bool]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = file.metadata() or {}
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  (not a dict)
    except (SafetensorError, OSError, ValueError, RuntimeError, TypeError) as error:
        raise CheckpointError(f"{path}: not a safetensors file, or broken ({str(error)[:160]})") from None
    try:
        config = json.loads(metadata.get("config", "null"))
    except (ValueError, RecursionError):
        raise CheckpointError(f"{path}: the config in the header is not JSON") from None
    version = metadata.get("format_version")
    number = int(version) if version and version.isascii() and version.isdigit() and len(version) < 9 else version
    model = _model_config(path, number, 2, metadata.get("arch"), config)
    return model, metadata.get("encoder_config"), state, metadata.get("chord_guide") == "true"


def _read_legacy(path: Path) -> tuple[ModelConfig, object, object]:
    """Read `config.json` (of the encoder) and `model.pt` (a state dict or TorchScript). Shapes give the model's dimensions."""
    from companion.inference.checkpoints.archive import (
        archive_names,
        is_torchscript,
        load_plain,
        load_torchscript_parameters,
    )

    config_file, model_file = path / "config.json", path / "model.pt"
    for file in (config_file, model_file):
        if not file.is_file():
            raise CheckpointError(f"{path}: not a checkpoint directory (no {file.name})")
    try:
        encoder = json.loads(config_file.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise CheckpointError(f"{config_file}: not JSON ({str(error)[:120]})") from None
    if is_torchscript(archive_names(model_file)):
        state: Any = load_torchscript_parameters(model_file)
    else:
        state = load_plain(model_file)
        for key in ("state_dict", "model_state_dict"):
            state = state[key] if isinstance(state, Mapping) and key in state else state
    stated = encoder.pop("n_head", None) if isinstance(encoder, dict) else None
    config, tensors = _legacy_dimensions(model_file, state, stated)
    return config, encoder, tensors


def _legacy_dimensions(path: Path, state: object, heads: object) -> tuple[ModelConfig, dict[str, Any]]:
    import torch

    if not isinstance(state, Mapping):
        raise CheckpointError(f"{path}: holds no state dict")
    marker = "transformer.wte.weight"
    found = [key for key in state if isinstance(key, str) and (key == marker or key.endswith("." + marker))]
    if len(found) != 1:
        raise CheckpointError(f"{path}: holds no GPT-2 weights (no {marker})")
    prefix = found[0][: -len(marker)]
    named = {
        key[len(prefix) :]: value for key, value in state.items() if isinstance(key, str) and key.startswith(prefix)
    }
    tensors: dict[str, Any] = {key: value for key, value in named.items() if isinstance(value, torch.Tensor)}
    embeddings = [tensors.get(key) for key in (marker, "transformer.wpe.weight")]
    if any(tensor is None or tensor.dim() != 2 for tensor in embeddings):
        raise CheckpointError(f"{path}: holds no GPT-2 weights (no embedding matrices)")
    positions = tensors["transformer.wpe.weight"]
    tensors.setdefault("lm_head.weight", tensors[marker])  # TorchScript stores a shared matrix once
    layers = {key.split(".")[2] for key in tensors if key.startswith("transformer.h.")}
    vocab_size, width = tensors[marker].shape
    dimensions = {
        "vocab_size": vocab_size,
        "n_positions": positions.shape[0],
        "n_embd": width,
        "n_layer": len(layers),
        "n_head": heads if heads is not None else max(1, width // LEGACY_HEAD_SIZE),
    }
    try:
        return ModelConfig.from_dict(dimensions), tensors
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from None


def save_checkpoint(
    path: str | Path,
    config: ModelConfig,
    encoder_config: EncoderConfig,
    state_dict: Mapping[str, torch.Tensor],
    *,
    format: int | None = None,
    dtype: torch.dtype | None = None,
    chord_guide: bool = False,
) -> Path:
    """Write format 1 (.pt) or 2 (.safetensors); by default the file name decides. dtype: type of the stored tensors.

    chord_guide: state in the file that the model was trained with chord guides (midigpt ignores that key).
    The content is checked as strictly as on loading. The file is replaced in one step, so a crash leaves the old one intact.
    """
    import torch

    path = Path(path)
    number = format or (2 if path.suffix == ".safetensors" else 1)
    if number not in (1, 2):
        raise CheckpointError(f"checkpoint format {number} does not exist (1 = .pt, 2 = .safetensors)")
    _check_vocabulary(config, encoder_config)
    checked = _check_state(config, state_dict)
    tensors = {key: tensor.to(dtype or torch.float32).contiguous().clone() for key, tensor in checked.items()}
    encoder = encoder_config.to_dict()
    temporary = path.with_name(f".{path.name}.tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    if number == 1:
        head = {"format_version": 1, "arch": "gpt2", "config": asdict(config), "encoder_config": encoder}
        head |= {"chord_guide": True} if chord_guide else {}
        torch.save({**head, "state_dict": tensors}, temporary)
    else:
        from safetensors.torch import save_file

        texts = {"config": json.dumps(asdict(config)), "encoder_config": json.dumps(encoder)}
        texts |= {"chord_guide": "true"} if chord_guide else {}
        save_file(tensors, temporary, metadata={"format_version": "2", "arch": "gpt2", **texts})
    temporary.replace(path)
    return path
