# SPDX-License-Identifier: Apache-2.0
"""Places the tensors and weights of lowered layers and emits their descriptors and payloads."""

from dataclasses import dataclass, replace
from itertools import zip_longest
from zlib import crc32

import numpy as np

from golden.hardware import isa
from golden.hardware.check import addresses, check_program
from golden.hardware.compile import bits, input_bytes
from golden.hardware.compile.allocate import Memory, Region
from golden.hardware.compile.coding import Coded, code_rows
from golden.hardware.compile.compiled import CompiledLayer, Program, result_bytes
from golden.hardware.compile.lowering import Layer
from golden.hardware.compile.packing import Packing
from golden.hardware.compile.placement import Placement, pieces
from golden.hardware.compile.rows import (  # fmt: skip
    PackedRows,
    attention_rows,
    mask_lines,
    row_lengths,
    row_mask,
)
from golden.hardware.compile.spike_places import spike_places
from golden.hardware.compile.tensor import Tensor
from golden.hardware.configuration import MASK_LINES, Hardware, clog2
from golden.hardware.sequence import prove_progress


@dataclass
class _Item:
    """A descriptor to be; ``memory`` is the one that a load fills."""

    op: int
    name: str
    fields: dict[str, int]
    memory: Memory | None = None
    size: int = 0


class Assembler:
    """Places every region and emits descriptors and load payloads in program order."""

    def __init__(
        self,
        hardware: Hardware,
        layers: list[Layer],
        inputs,
        config,
        head_bias,
        packing: Packing,
        placement: Placement,
    ):
        self.hardware, self.layers, self.inputs = hardware, layers, inputs
        self.config, self.head_bias, self.packing = config, head_bias, packing
        self.items: list[_Item] = []
        self.payload = bytearray()
        self.stored: dict[bytes, int] = {}  # where it lies in the payload, by what it is
        self.loads = self.count = 0  # of those so far; of layers without those that repeat one
        self.weight = Memory("weight words per bank", "bank_depth", hardware.bank_depth)
        self.weight.by_turns = placement.by_turns
        self.placement = placement
        self.row = Memory("row-table entries per bank", "row_depth", hardware.row_depth)
        self.param = Memory("parameter words", "param_depth", hardware.param_depth)
        self.masks = Memory("lines of the row mask", "mask", MASK_LINES)
        self.spike, self.places = spike_places(layers, inputs, hardware)
        self.loaded: set[str] = set()  # inputs
        self.dumps: dict[int, Region] = {}  # of the counts of the attention at hand, by image
        self.numbers: list[int] = []  # of the layers among layers and stores
        self.stores = 0

    def program(self) -> Program:
        hardware = self.hardware
        compiled = []
        for i, (layer, following) in enumerate(zip_longest(self.layers, self.layers[1:])):
            compiled.append(self.compile(i, layer))
            ends = following is None or following.image != layer.image
            if layer.mode == isa.MODE_HEAD and ends:
                self.store()
        self.items.append(_Item(isa.OP_END, "end", {}))
        self.items = self.ordered()
        images = [i for i in self.items if i.fields.get("from_image")]
        if images:
            images[-1].fields["check"] = 1  # of all of them, if the ring has a CRC
        program = isa.sealed(b"".join(isa.encode(i.op, i.name, **i.fields) for i in self.items))
        check_program(hardware, program, len(self.items), bytes(self.payload))
        prove_progress(program)
        use = {m.field: m.peak for m in (self.spike, self.weight, self.row, self.param)}
        loads = [
            dict(
                name=i.name,
                offset=i.fields["offset"],
                bytes=i.size,
                coded=bool(i.fields["coded"]),
                crc=f"{i.fields['crc']:#010x}",
            )
            for i in self.items
            if i.op == isa.OP_LOAD and not i.fields["from_image"]
        ]
        return Program(
            hardware, self.config, program, bytes(self.payload), self.inputs, compiled, loads, use,
            images=max(1, self.stores),
        )  # fmt: skip

    def store(self) -> None:
        """Store the result of the image whose head has run, behind those before it."""
        classes = self.config.classes
        offset = self.stores * result_bytes(classes)
        self.items.append(_Item(isa.OP_STORE, "store", dict(logits=classes, offset=offset)))
        self.stores += 1

    def items_of(self, layers: int) -> int:
        """Layers and stores that are complete when the first ``layers`` layers are."""
        return self.numbers[layers - 1] + 1 if layers else 0

    def ordered(self) -> list[_Item]:
        """The items with ``wait_previous`` filled in; of the loads of a layer the patient last.

        A load may overtake layers of the job before once nothing there uses its place any more.
        All loads of a layer are needed by it, so their order is free.
        """
        out, group = [], []
        for item in self.items:
            if item.op == isa.OP_LOAD:
                if not item.fields["wait_items"]:
                    item.fields["wait_previous"] = self.previous(item)
                group.append(item)
                continue
            group.sort(key=lambda i: (i.fields["wait_items"], i.fields["wait_previous"]))
            out += [*group, item]
            group = []
        return out

    def previous(self, load: _Item) -> int:
        """Items of the layer stream of the job before that have to be complete."""
        if load.memory is None:  # the logits: the last store reads them
            return len(self.layers) + self.stores
        size = addresses(self.hardware, load.fields)
        return self.items_of(1 + load.memory.last_use(load.fields["dest"], size))

    def until(self, index: int) -> int:
        """The last of the layers that repeat layer ``index``, itself without any."""
        last = index
        while last + 1 < len(self.layers) and self.layers[last + 1].repeat:
            last += 1
        return last

    def emit_load(
        self,
        name: str,
        target: int,
        memory: Memory | None,
        data: bytes | None = None,
        wait_layers: int = 0,
        **fields,
    ) -> None:
        """A load of ``data`` from the weight image, or of the image if there are none, when the
        first ``wait_layers`` layers are complete."""
        values = dict(
            target=target, offset=0, check=0, wait_items=self.items_of(wait_layers),
            wait_previous=0, coded=0, from_image=0,
        ) | fields  # fmt: skip
        if data is not None:
            if data not in self.stored:
                self.stored[data] = len(self.payload)
                self.payload += data
            values |= dict(offset=self.stored[data], check=1, crc=crc32(data))
        self.items.append(_Item(isa.OP_LOAD, name, values, memory, len(data or b"")))
        self.loads += 1

    def load_input(self, tensor: Tensor) -> None:
        """Load ``tensor`` from the image region if it lies there and nobody has loaded it yet."""
        names = [each.name for each in self.inputs]
        if tensor.map not in names or tensor.name in self.loaded:
            return
        self.loaded.add(tensor.name)
        before = self.inputs[: names.index(tensor.map)]
        above = replace(tensor, height=tensor.first)
        region = self.places[tensor.name]
        self.emit_load(
            tensor.name,
            isa.TARGET_SPIKE,
            self.spike,
            offset=sum(input_bytes.size(t, self.hardware) for t in (*before, above)),
            records=input_bytes.records(tensor, self.hardware),
            dest=region.start,
            unit_words=input_bytes.record_words(tensor, self.hardware),
            from_image=1,
            wait_layers=region.wait_layers,
        )

    def compile(self, index: int, layer: Layer) -> CompiledLayer:
        """Emit the loads of a layer and the layer."""
        hardware = self.hardware
        self.load_input(layer.source)
        self.count += not layer.continues
        if not layer.repeat:
            self.resident = self.weights(index, layer)
        packed, values = self.resident
        if layer.mode in (isa.MODE_SPIKE, isa.MODE_RESIDUAL):
            values = values | self.output(layer)
        source, steps = layer.source, layer.source.steps
        values = values | dict(
            id=self.count - 1,
            continues=int(layer.continues),
            mode=layer.mode,
            kernel3=int(layer.taps == 9),
            merge=int(layer.merge),
            repeat_drain=int(layer.repeats),
            pool=int(layer.pool),
            first=int(layer.first),
            shift=layer.shift,
            charge=layer.charge,
            wait_loads=self.loads,
            in_base=self.places[source.name].start,
            in_lines=source.lines(hardware),
            in_row_lines=source.width * source.lines(hardware),
            height=layer.blocks if layer.mode == isa.MODE_KEY_VALUE else layer.height,
            width=steps if layer.mode == isa.MODE_KEY_VALUE else source.width,
            in_first=layer.in_first,
            in_words=layer.in_words,
            in_step=source.step,
            in_block=clog2(source.block),
            window=clog2(layer.window),
            steps=(layer.target or source).steps,
            out_words=layer.words,
            invert=int(layer.inverted),
            images=layer.images - 1,
            pair=int(layer.pair),
        )
        if layer.stripe:
            values["in_base"] += layer.stripe.read * values["in_row_lines"]
            values |= dict(above=int(layer.stripe.above), below=int(layer.stripe.below))
        if layer.mode == isa.MODE_KEY_VALUE:
            values |= dict(steps=1, in_words=2 * layer.head_words)
        if layer.mode == isa.MODE_HEAD:
            values |= dict(tokens=self.config.classes, out_first=layer.out_first)
        if layer.averaged:
            words, tokens = layer.averaged.step * layer.averaged.steps, layer.averaged.tokens
            turn, bank = divmod(layer.image * tokens, hardware.groups)  # of its first token
            values |= dict(stream_tokens=tokens, stream_stride=words, dump_base=turn * words,
                           dump_step=bank)  # fmt: skip
        self.numbers.append(len(self.numbers) + self.stores)
        self.items.append(_Item(isa.OP_LAYER, layer.name, values))
        return CompiledLayer(layer, packed, values)

    def weights(self, index: int, layer: Layer) -> tuple[PackedRows | None, dict[str, int]]:
        """Emit the loads of a layer but for its input, or reserve what takes their place; the rows
        and the fields that say where all that lies."""
        packed, values = None, {}
        if layer.mode == isa.MODE_HEAD and layer.tile == 0:  # of all tiles
            bias = np.pad(self.head_bias, (0, self.config.classes % 2))
            bias *= layer.merge  # else it is in the weights
            data = bits.pack(bias[:, None], 32, "head.bias", 32)
            self.emit_load("logits", isa.TARGET_LOGIT, None, data, records=len(bias), dest=0,
                           wait_items=index + self.stores if layer.image else 0)  # fmt: skip
        if layer.mode == isa.MODE_KEY_VALUE:
            values = self.key_value(index, layer)
        elif layer.weight is None:
            values = self.query(index, layer)
        else:
            period = self.mask_period(layer)
            packed = self.packing.rows(layer, period > 0)
            values = self.rows(index, layer, packed)
            if period:
                values |= self.mask(index, layer, packed, period)
        if layer.mode in (isa.MODE_SPIKE, isa.MODE_RESIDUAL):
            values |= self.parameters(index, layer)
        return packed, values

    def mask_period(self, layer: Layer) -> int:
        """Lines per tap of the row mask; 0 if all rows have weights or the mask is too large."""
        planes = layer.planes and not layer.pair
        if planes or row_lengths(layer.weight, self.hardware.lanes).all():
            return 0
        period = mask_lines(layer.source, self.hardware)
        return period if layer.taps * period <= MASK_LINES else 0

    def mask(self, index: int, layer: Layer, packed: PackedRows, period: int) -> dict[str, int]:
        """Load the row mask."""
        mask = row_mask(packed.length, layer.source, layer.in_first, layer.in_words, self.hardware)
        region = self.masks.take(layer.name, len(mask), index, self.until(index))
        name = f"{layer.name} mask"
        self.emit_load(name, isa.TARGET_MASK, self.masks, bits.pack(mask, 1, name),
                       records=len(mask), dest=region.start,
                       wait_layers=region.wait_layers)  # fmt: skip
        return dict(mask_base=region.start, mask_lines=period)

    def rows(self, index: int, layer: Layer, packed: PackedRows) -> dict[str, int]:
        """Load row table and weights of a layer, each piece of the weights with its rows."""
        table = self.row.take(layer.name, len(packed.entries), index, self.until(index))
        found = pieces(self.weight, index, self.until(index), layer, packed, self.placement)
        for first, rows, place in found:
            self.table(f"{layer.name} rows", table, first, rows.entries + place.start, rows.stored,
                       place.start, place.wait_layers)  # fmt: skip
            load = self.packing.load(f"{layer.name} weights", rows)
            self.emit_load(f"{layer.name} weights", isa.TARGET_WEIGHT, self.weight, load.data,
                           records=rows.slots.shape[0] * rows.slots.shape[1],
                           dest=place.start,
                           wait_layers=place.wait_layers, **load.fields)  # fmt: skip
        return dict(row_base=table.start, tap_rows=packed.tap_rows, **packed.pace)

    def table(
        self,
        name: str,
        region: Region,
        at: int,
        entries: np.ndarray,
        stored: np.ndarray,
        first: int,
        wait_layers: int = 0,
    ) -> None:
        """Load ``entries`` of a row table from ``region.start + at`` on, whose rows have ``stored``
        words each from ``first`` on; not before ``wait_layers``."""
        load = code_rows(entries, stored, first) if self.packing.coded else None
        load = load or Coded(bits.pack(entries.reshape(-1, 1), 32, name, 32), {})
        self.emit_load(name, isa.TARGET_ROW, self.row, load.data,
                       records=entries.size, dest=region.start + at,
                       wait_layers=max(region.wait_layers, wait_layers), **load.fields)  # fmt: skip

    def parameters(self, index: int, layer: Layer) -> dict[str, int]:
        """Load theta2, and the bias on the grid of what the lanes add up: their weights are
        shifted."""
        hardware, largest = self.hardware, (1 << self.hardware.acc_width - 1) - 1
        region = self.param.take(layer.name, layer.words, index, self.until(index))
        # |X| < 2**(acc_width - 2), so thresholds beyond the width behave like its ends.
        theta2 = np.clip(layer.theta2, -largest - 1, largest)
        pairs = np.stack([layer.bias << layer.shift, theta2], axis=1).reshape(
            layer.words, 2 * hardware.lanes
        )
        name = f"{layer.name} parameters"
        self.emit_load(name, isa.TARGET_PARAM, self.param,
                       bits.pack(pairs, hardware.acc_width, name), records=layer.words,
                       dest=region.start, wait_layers=region.wait_layers)  # fmt: skip
        return dict(param_base=region.start)

    def output(self, layer: Layer) -> dict[str, int]:
        """Where the spikes go."""
        target = layer.target
        lines = target.lines(self.hardware)
        row, stripe = target.width * lines, layer.stripe
        values = dict(
            out_base=self.places[target.name].start + (stripe.written * row if stripe else 0),
            out_lines=lines,
            out_first=layer.out_first,
            out_step=target.step,
            out_block=clog2(target.block),
        )
        if layer.pool:
            clear = 0 if layer.tile else stripe.clear if stripe else target.height
            values |= dict(out_row_lines=row, out_clear=clear * row)
        if layer.mode == isa.MODE_RESIDUAL:
            values |= dict(stream_stride=target.steps * target.step)
        return values

    def attention(self, layer: Layer) -> dict[str, int]:
        """Fields that both attention layers derive from the head blocks."""
        m, lanes = layer.head_words, self.hardware.lanes
        return dict(head_words=m, head_lanes=(min(layer.head_dim, lanes) - 1).bit_length())

    def key_value(self, index: int, layer: Layer) -> dict[str, int]:
        """Reserve the words that the counts go to; they live until the image's next layer has read
        them."""
        m = layer.head_words
        per_block = m * self.hardware.lanes // self.hardware.banks * m
        per_step = layer.blocks * per_block
        size = per_step * layer.source.steps
        reader = next(i for i, x in enumerate(self.layers) if i > index and x.image == layer.image)
        dump = self.weight.take(layer.name, size, index, reader)
        self.dumps[layer.image] = dump
        return self.attention(layer) | dict(
            tokens=layer.map_height * layer.source.width,
            dump_base=dump.start,
            dump_step=per_step,
            dump_block=per_block,
            row_cost=m,
        )

    def query(self, index: int, layer: Layer) -> dict[str, int]:
        """The row table that points to the counts."""
        m, steps = layer.head_words, layer.source.steps
        first = self.dumps[layer.image].start
        entries = attention_rows(steps, layer.words, m, self.hardware) + first
        table = self.row.take(layer.name, len(entries), index, index)
        stored = np.full_like(entries, m)
        self.table(f"{layer.name} rows", table, 0, entries, stored, first)
        return dict(row_base=table.start, step_rows=len(entries) // steps, row_cost=m)
