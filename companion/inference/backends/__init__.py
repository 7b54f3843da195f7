"""Engines: what computes logits for token ids. The reference (transformers), ONNX Runtime for CPUs, CUDA for GPUs."""
