# SPDX-License-Identifier: Apache-2.0
"""Tensors that a program loads from memory: their bytes, one token after the other.

A token's words follow each other without gaps, as they will in the spike memory. If they need more
than a line, the last line of every token is whole, so that each load record is one line
(docs/reference/formats.md).
"""

import numpy as np

from golden.hardware.compile import bits
from golden.hardware.compile.tensor import Tensor
from golden.hardware.configuration import Hardware


def record_words(tensor: Tensor, hardware: Hardware) -> int:
    """Words of one load record, which is one line: ``unit_words`` of the load."""
    return min(tensor.words, hardware.line_words)


def records(tensor: Tensor, hardware: Hardware) -> int:
    """Load records of the whole tensor."""
    return tensor.tokens * tensor.lines(hardware)


def size(tensor: Tensor, hardware: Hardware) -> int:
    """Bytes of the whole tensor in memory, whole beats."""
    spikes = records(tensor, hardware) * record_words(tensor, hardware) * hardware.lanes
    return len(bits.to_beats(bytes(-(-spikes // 8))))


def pack(spikes: np.ndarray, tensor: Tensor, hardware: Hardware) -> bytes:
    """The bytes of ``spikes`` uint8 (tokens, steps, channels), which fill ``tensor``."""
    tokens, steps, channels = spikes.shape
    assert (tokens, steps) == (tensor.tokens, tensor.steps)
    spikes = np.pad(spikes, ((0, 0), (0, 0), (0, tensor.step * hardware.lanes - channels)))
    size = tensor.lines(hardware) * record_words(tensor, hardware)
    words = np.zeros((tokens, size, hardware.lanes), np.uint8)
    place = tensor.place(np.arange(steps)[:, None], np.arange(tensor.step))
    words[:, place] = spikes.reshape(tokens, steps, tensor.step, hardware.lanes)
    return bits.to_beats(np.packbits(words, bitorder="little").tobytes())
