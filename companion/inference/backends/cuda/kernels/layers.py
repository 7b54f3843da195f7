# Triton's constants are written in capitals, and its types are not Python's.
# ruff: noqa: N803
# pyright: basic, reportMissingImports=false, reportGeneralTypeIssues=false, reportOperatorIssue=false, reportArgumentType=false
"""One decoding step of GPT-2 in six kernels a layer, in Triton.

A layer is: norm, projection to queries, keys and values; attention over pieces of the static cache, which also stores the new key and
value; the pieces joined; their projection, added to the stream; norm, first half of the feed-forward with its GELU; second half, added
to the stream. Rows are takes or parts; they are padded to the 16 that a matrix unit needs. Sums are in float32.

Numbers that differ between recordings are not specialised, so few variants are compiled.
Triton is imported here, so this module is imported only where it is used. With TRITON_INTERPRET=1 the kernels run on a CPU.
"""

from __future__ import annotations

import triton
import triton.language as tl

PAD = 16  # rows of a block: the smallest that a matrix unit takes


@triton.jit
def embed(stream, ids, positions, tokens, places, WIDTH: tl.constexpr, BLOCK: tl.constexpr):
    """stream [B, width] = tokens[id] + places[position]. One program for each row."""
    row = tl.program_id(0)
    token, position = tl.load(ids + row), tl.load(positions + row)
    column = tl.arange(0, BLOCK)
    inside = column < WIDTH
    found = tl.load(tokens + token * WIDTH + column, mask=inside, other=0.0)
    found += tl.load(places + position * WIDTH + column, mask=inside, other=0.0)
    tl.store(stream + row * WIDTH + column, found, mask=inside)


@triton.jit(do_not_specialize=["rows"])
def norm_linear(
    out, x, scale, shift, weights, bias, rows, WIDTH: tl.constexpr, OUTPUTS: tl.constexpr, GELU: tl.constexpr,
    BIASED: tl.constexpr, BLOCK_W: tl.constexpr, BLOCK_K: tl.constexpr, BLOCK_N: tl.constexpr, PAD: tl.constexpr,
):  # fmt: skip
    """out [rows, outputs] = norm(x [rows, width]) · weights [outputs, width]ᵀ + bias, with GELU where asked."""
    row, column = tl.arange(0, PAD), tl.arange(0, BLOCK_W)
    whole = (row[:, None] < rows) & (column[None] < WIDTH)
    found = tl.load(x + row[:, None] * WIDTH + column[None], mask=whole, other=0.0).to(tl.float32)
    mean = tl.sum(found, 1) / WIDTH
    apart = tl.where(whole, found - mean[:, None], 0.0)
    spread = 1.0 / tl.sqrt(tl.sum(apart * apart, 1) / WIDTH + 1e-5)
    output = tl.program_id(0) * BLOCK_N + tl.arange(0, BLOCK_N)
    asked = output < OUTPUTS
    total = tl.zeros((PAD, BLOCK_N), tl.float32)
    for start in range(0, WIDTH, BLOCK_K):
        k = start + tl.arange(0, BLOCK_K)
        inside = k < WIDTH
        piece = tl.load(x + row[:, None] * WIDTH + k[None], mask=(row[:, None] < rows) & inside[None], other=0.0)
        normed = (piece.to(tl.float32) - mean[:, None]) * spread[:, None]
        normed = (
            normed * tl.load(scale + k, mask=inside, other=0.0)[None] + tl.load(shift + k, mask=inside, other=0.0)[None]
        )
        block = tl.load(weights + output[:, None] * WIDTH + k[None], mask=asked[:, None] & inside[None], other=0.0)
        total += tl.dot(normed.to(block.dtype), tl.trans(block), input_precision="ieee")
    if BIASED:
        total += tl.load(bias + output, mask=asked, other=0.0)[None]
    if GELU:
        inner = 0.7978845608028654 * (total + 0.044715 * total * total * total)
        # tanh(z) = 1 − 2 / (e^2z + 1)
        total = 0.5 * total * (2.0 - 2.0 / (tl.exp(2.0 * inner) + 1.0))
    tl.store(
        out + row[:, None] * OUTPUTS + output[None],
        total.to(out.dtype.element_ty),
        mask=(row[:, None] < rows) & asked[None],
    )


@triton.jit(do_not_specialize=["rows"])
def linear_add(
    stream, x, weights, bias, rows, WIDTH: tl.constexpr, OUTPUTS: tl.constexpr, BLOCK_K: tl.constexpr, BLOCK_N: tl.constexpr,
    PAD: tl.constexpr,
):  # fmt: skip
    """stream [rows, outputs] += x [rows, width] · weights [outputs, width]ᵀ + bias."""
    row = tl.arange(0, PAD)
    output = tl.program_id(0) * BLOCK_N + tl.arange(0, BLOCK_N)
    asked = output < OUTPUTS
    total = tl.zeros((PAD, BLOCK_N), tl.float32)
    for start in range(0, WIDTH, BLOCK_K):
        k = start + tl.arange(0, BLOCK_K)
        inside = k < WIDTH
        piece = tl.load(x + row[:, None] * WIDTH + k[None], mask=(row[:, None] < rows) & inside[None], other=0.0)
        block = tl.load(weights + output[:, None] * WIDTH + k[None], mask=asked[:, None] & inside[None], other=0.0)
        total += tl.dot(piece, tl.trans(block), input_precision="ieee")
    there = stream + row[:, None] * OUTPUTS + output[None]
    held = (row[:, None] < rows) & asked[None]
    total += tl.load(bias + output, mask=asked, other=0.0)[None] + tl.load(there, mask=held, other=0.0).to(tl.float32)
    tl.store(there, total.to(stream.dtype.element_ty), mask=held)


@triton.jit(do_not_specialize=["pieces"])
def attend(
    parts, tops, sums, packed, keys, values, places, scaling, slot_rows, pieces, WIDTH: tl.constexpr,
    HEADS: tl.constexpr, SIZE: tl.constexpr, BLOCK_D: tl.constexpr, BUCKET: tl.constexpr, BLOCK_R: tl.constexpr,
):  # fmt: skip
    """Attention of one row's query over one piece of its slot: not yet divided by the sum of its weights.

    packed [B, 3, width]: the new query, key and value. keys, values [slots, slot_rows, width]. places [B]: the row at which the new
    key and value are stored. parts [B, heads, pieces, size], tops and sums [B, heads, pieces]: what `join` joins.
    """
    row, head, piece = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    place = tl.load(places + row)
    d = tl.arange(0, BLOCK_D)
    inside = d < SIZE
    new = packed + row * 3 * WIDTH + head * SIZE + d
    query = tl.load(new, mask=inside, other=0.0).to(tl.float32) * scaling
    first = row.to(tl.int64) * slot_rows * WIDTH + head * SIZE
    top = -1.0e30
    total = 0.0
    found = tl.zeros((BLOCK_D,), tl.float32)
    if piece == place // BUCKET:
        key, value = tl.load(new + WIDTH, mask=inside, other=0.0), tl.load(new + 2 * WIDTH, mask=inside, other=0.0)
        tl.store(keys + first + place * WIDTH + d, key, mask=inside)
        tl.store(values + first + place * WIDTH + d, value, mask=inside)
        top = tl.sum(query * key.to(tl.float32))
        total = 1.0
        found = value.to(tl.float32)
    for start in range(0, BUCKET, BLOCK_R):
        r = piece * BUCKET + start + tl.arange(0, BLOCK_R)
        seen = r < place
        where = first + r[:, None] * WIDTH + d[None]
        held = seen[:, None] & inside[None]
        scores = tl.sum(tl.load(keys + where, mask=held, other=0.0).to(tl.float32) * query[None], 1)
        scores = tl.where(seen, scores, -1.0e30)
        higher = tl.maximum(top, tl.max(scores, 0))
        weights = tl.where(seen, tl.exp(scores - higher), 0.0)
        shrink = tl.exp(top - higher)
        read = tl.load(values + where, mask=held, other=0.0).to(tl.float32)
        found = found * shrink + tl.sum(read * weights[:, None], 0)
        total = total * shrink + tl.sum(weights, 0)
        top = higher
    at = (row * HEADS + head) * pieces + piece
    tl.store(parts + at * SIZE + d, found, mask=inside)
    tl.store(tops + at, top)
    tl.store(sums + at, total)


@triton.jit(do_not_specialize=["pieces"])
def join(
    out, parts, tops, sums, pieces, BLOCK_P: tl.constexpr, WIDTH: tl.constexpr, HEADS: tl.constexpr, SIZE: tl.constexpr,
    BLOCK_D: tl.constexpr,
):  # fmt: skip
    """out [B, width]: the pieces of `attend` joined, for one row and head."""
    row, head = tl.program_id(0), tl.program_id(1)
    p, d = tl.arange(0, BLOCK_P), tl.arange(0, BLOCK_D)
    present, inside = p < pieces, d < SIZE
    at = (row * HEADS + head) * pieces + p
    top = tl.load(tops + at, mask=present, other=-1.0e30)
    factor = tl.where(present, tl.exp(top - tl.max(top, 0)), 0.0)
    summed = tl.sum(factor * tl.load(sums + at, mask=present, other=0.0), 0)
    held = present[:, None] & inside[None]
    found = tl.load(parts + at[:, None] * SIZE + d[None], mask=held, other=0.0)
    joined = tl.sum(found * factor[:, None], 0) / summed
    tl.store(out + row * WIDTH + head * SIZE + d, joined.to(out.dtype.element_ty), mask=inside)
