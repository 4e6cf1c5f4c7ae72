# SPDX-License-Identifier: Apache-2.0
"""Rows and loads of the weights of layers, worked out once for all programs that are tried."""

from __future__ import annotations

from golden.hardware.compile import bits
from golden.hardware.compile.coding import Coded, code_weights
from golden.hardware.compile.lowering import Layer
from golden.hardware.compile.rows import PackedRows, pack_rows
from golden.hardware.configuration import Hardware


class Packing:
    """Of one list of layers on ``hardware``. coded: code the weights that can be coded."""

    def __init__(self, hardware: Hardware, coded: bool) -> None:
        self.hardware, self.coded = hardware, coded
        self._rows: dict[tuple, PackedRows] = {}
        self._loads: dict[int, tuple[PackedRows, Coded]] = {}  # the key is the id of the rows

    def rows(self, layer: Layer, masked: bool) -> PackedRows:
        """The packed rows of a layer, or of a tile of it; ``masked``: the empty ones left out."""
        key = layer.parts, layer.out_first, layer.words, masked
        if key not in self._rows:
            channels = layer.in_words * self.hardware.lanes
            self._rows[key] = pack_rows(layer.weight, layer.planes, channels, self.hardware, masked)
        return self._rows[key]

    def load(self, name: str, rows: PackedRows) -> Coded:
        """Data and fields of the load of ``rows``."""
        known = self._loads.get(id(rows))
        if known is None:
            found = code_weights(rows) if self.coded else None
            slots = rows.slots.reshape(-1, self.hardware.lanes)
            found = found or Coded(bits.pack(slots, self.hardware.slot_width, name), {})
            known = self._loads[id(rows)] = rows, found
        return known[1]
