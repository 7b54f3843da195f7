"""Engines, which compute logits for token ids: the reference (transformers), ONNX Runtime for CPUs, and CUDA for GPUs."""
