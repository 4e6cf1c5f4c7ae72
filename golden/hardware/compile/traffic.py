# SPDX-License-Identifier: Apache-2.0
"""What an inference moves over the bus, and how many bits a dense weight takes of it.

A dense weight is one of the O * I * taps of a layer, pruned or not. The weight stream of a layer is
the data of its weight, row-table and row-mask loads and, where it is coded, its codebook.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from golden.hardware import isa
from golden.hardware.check import load_bytes
from golden.hardware.coded_record import CODES
from golden.hardware.configuration import WEIGHT_WIDTH

if TYPE_CHECKING:
    from golden.hardware.compile.compiled import Program
    from golden.hardware.compile.lowering import Layer


@dataclass
class LayerTraffic:
    """The weight stream of one hardware layer; ``raw_bytes``: if nothing of it were coded.

    ``dense_weights`` are 0 for attention, which has a row table alone, and for stripes and images
    of a layer but the first one.
    """

    name: str
    dense_weights: int
    coded: bool = False  # the weights
    index_bits: int = 0
    block: bool = False
    weight_bytes: int = 0
    row_bytes: int = 0
    codebook_bytes: int = 0
    raw_bytes: int = 0

    @property
    def bytes(self) -> int:
        return self.weight_bytes + self.row_bytes + self.codebook_bytes

    @property
    def bits_per_dense_weight(self) -> float:
        return 8 * self.bytes / self.dense_weights


@dataclass
class Traffic:
    """One inference: weight streams, and the bytes that are no weights or rows."""

    layers: list[LayerTraffic]
    other_bytes: int  # descriptors (with the codebooks), image, parameters, logits, result

    def summary(self) -> dict[str, float]:
        """Totals. Dense int8 is a byte per dense weight in place of the weight streams."""
        dense = sum(x.dense_weights for x in self.layers)
        stream = sum(x.bytes for x in self.layers)
        raw = sum(x.raw_bytes for x in self.layers)
        return {
            "dense_weights": dense,
            "weight_stream_bytes": stream,
            "raw_weight_stream_bytes": raw,
            "bits_per_dense_weight": 8 * stream / dense,
            "raw_bits_per_dense_weight": 8 * raw / dense,
            "bytes": sum(x.weight_bytes + x.row_bytes for x in self.layers) + self.other_bytes,
            "raw_bytes": raw + self.other_bytes,
            "dense_int8_bytes": dense + self.other_bytes,
        }

    def report(self) -> dict:
        """:meth:`summary` with the layers."""
        layers = [
            asdict(x)
            | {"bytes": x.bytes}
            | ({"bits_per_dense_weight": x.bits_per_dense_weight} if x.dense_weights else {})
            for x in self.layers
        ]
        return self.summary() | {"layers": layers}


def traffic(program: Program) -> Traffic:
    """What one job of ``program`` moves."""
    hardware = program.hardware
    layers: dict[str, LayerTraffic] = {}
    seen: set[tuple[tuple[str, ...], int]] = set()
    for c in program.layers:
        if c.layer.repeat:  # loaded with the one that it repeats
            continue
        key = c.layer.parts, c.layer.tile
        apart = c.layer.stripe is not None or c.layer.image > 0  # they load the same weights
        again = apart and key in seen
        layers[c.name] = LayerTraffic(c.name, 0 if again else dense_weights(c.layer))
        seen.add(key)
    other = len(program.program) + program.result_bytes
    named = iter(program.loads)  # those with a checksum, in program order
    for descriptor in isa.cut(program.program):
        op, fields = isa.decode(descriptor)
        if op != isa.OP_LOAD:
            continue
        size = load_bytes(hardware, fields)
        name = "" if fields["from_image"] else next(named)["name"]
        if fields["target"] not in (isa.TARGET_WEIGHT, isa.TARGET_ROW, isa.TARGET_MASK):
            other += size
            continue
        layer = layers[name.rpartition(" ")[0]]
        layer.raw_bytes += load_bytes(hardware, fields | {"coded": 0})
        if fields["target"] != isa.TARGET_WEIGHT:
            layer.row_bytes += size
            continue
        layer.weight_bytes += size
        if fields["coded"]:
            layer.coded, layer.block = True, bool(fields["block"])
            layer.index_bits = fields["index_bits"]
            layer.codebook_bytes += CODES * WEIGHT_WIDTH // 8
    return Traffic(list(layers.values()), other)


def dense_weights(layer: Layer) -> int:
    """O * I * taps of ``layer``, padding left out; the planes of a channel share their weights."""
    if layer.weight is None:
        return 0
    inputs = layer.planes.channels if layer.planes else layer.rows
    outputs = int((layer.columns >= 0).sum()) // (2 if layer.pair else 1)
    return layer.taps * inputs * outputs
