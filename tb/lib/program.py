# SPDX-License-Identifier: Apache-2.0
"""Random legal descriptor programs in which every descriptor waits only for earlier ones."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from golden.hardware import isa
from golden.hardware.configuration import (
    MASK_LINES,
    MAX_LAYERS,
    MAX_SHIFT,
    MAX_WINDOW,
    MIN_PLANES,
    SUM_BITS,
    Hardware,
    clog2,
)
from golden.hardware.interface import packing
from tb.lib import load as loads
from tb.lib.load import Load

# Parameters of psf_descriptor_check, and of what has one inside.
CHECKED = (
    "Lanes", "Banks", "LineWords", "AccDepth", "Patterns", "BankDepth", "RowDepth", "ParamDepth",
    "SpikeLines", "PatchLines", "Classes",
)  # fmt: skip


def _windows(h: Hardware, f: dict[str, int]) -> list[int]:
    """The windows that a layer with these fields may have."""
    if f["mode"] == isa.MODE_KEY_VALUE or f["merge"] or f["repeat_drain"] or f["step_rows"]:
        return [0]
    index = clog2(f["out_words"])
    return [0] + [
        w for w in range(1, f["in_block"] + 1) if (1 << (1 << w)) - 1 << index <= h.entries
    ]


def legal_layer(hardware: Hardware, **values: int) -> dict[str, int]:
    """Fields of a layer that psf_descriptor_check lets through, otherwise random."""
    h = hardware
    f = {name: random.getrandbits(bits) for name, (_, _, bits) in isa.LAYER_FIELDS.items()}
    f["mode"] = values.get("mode", f["mode"])
    f["id"] %= MAX_LAYERS
    f["shift"] %= MAX_SHIFT + 1
    for name in ("steps", "width", "height", "in_words", "row_cost", "out_lines"):
        f[name] = f[name] or 1
    if f["mode"] not in (isa.MODE_SPIKE, isa.MODE_RESIDUAL):
        f["images"] = 0
    taps = 9 if f["kernel3"] else 1
    f["in_lines"] = random.randint(1, min(h.patch_lines // taps, 255))
    f["mask_lines"] = random.randint(0, MASK_LINES // taps)
    f["mask_base"] = random.randint(0, MASK_LINES - taps * f["mask_lines"])
    f["out_words"] = random.randint(1, min(h.acc_depth, 255))
    f["out_step"] = random.randint(f["out_words"], 255)
    longest = clog2(min(MAX_WINDOW, h.line_words))
    f |= {"in_block": random.randint(0, longest), "out_block": random.randint(0, longest)}
    f["step_rows"] *= random.randint(0, 1)
    if f["mode"] != isa.MODE_SPIKE:
        f["charge"] = 0
    if f["mode"] == isa.MODE_RESIDUAL:
        f["pool"] = 0
    elif f["mode"] == isa.MODE_HEAD:
        f |= {"merge": values.get("merge", f["merge"]), "tokens": random.randint(1, h.classes)}
        if not f["merge"]:
            f |= {
                "steps": random.randint(MIN_PLANES, SUM_BITS), "width": 1, "height": 1, "pool": 0,
                "repeat_drain": 0, "in_block": 0, "in_words": random.randint(2, 255),
                "stream_tokens": f["stream_tokens"] or 1,
            }  # fmt: skip
    elif f["mode"] == isa.MODE_KEY_VALUE:
        m = random.choice(
            [m for m in (1, 2, 4) if m * m * h.lanes <= h.acc_depth and 2 * m <= h.line_words]
        )
        f |= {
            "in_block": random.randint(0, min(longest, clog2(h.line_words // (2 * m)))),
            "head_words": m, "out_words": m * m * h.lanes,
            "head_lanes": random.randint(0, h.lanes.bit_length() - 1),
            "tokens": random.randint(1, h.patch_lines),
        }  # fmt: skip
    f["pair"] &= f["mode"] == isa.MODE_SPIKE and not f["pool"]
    f["window"] = random.choice(_windows(h, f))
    return f | values


def legal_load(
    hardware: Hardware, target: int, records: int | None = None, coded: bool | None = None
) -> Load:
    """A load with data, about ``records`` records (default: a few), often to the last address."""
    sizes = hardware.sv_parameters()
    step = {loads.WEIGHT: hardware.banks, loads.ROW: hardware.banks, loads.LOGIT: 2}.get(target, 1)
    if records is None:
        records = random.choice((1, 2, random.randint(1, 24)))
    item = loads.random_load(
        sizes, target, records=-(-records // step) * step,
        unit_words=random.choice((1, hardware.line_words, random.randint(1, hardware.line_words))),
        coded=coded,
    )  # fmt: skip
    if target == loads.LOGIT:  # random_load knows a larger memory than there is
        dest = random.choice((0, hardware.classes - item.records))
        item.writes = [(t, f | {"addr": f["addr"] - item.dest + dest}) for t, f in item.writes]
        item.dest = dest
    return item


@dataclass
class Descriptor:
    """One descriptor and how much of the program comes before it."""

    op: int
    values: dict[str, int]
    loads_before: int
    layers_before: int
    load: Load | None = None

    def again(self, **values: int) -> "Descriptor":
        """The same descriptor with other ``values``."""
        return replace(self, values=self.values | values)

    def encoded(self) -> bytes:
        if self.op in isa.FIELDS:
            return isa.encode(self.op, "test", **self.values)
        return self.op.to_bytes(isa.DESCRIPTOR_BYTES, "little")


@dataclass
class Program:
    """Descriptors in order; ``loads`` and ``layers`` are the two streams."""

    hardware: Hardware
    items: list[Descriptor] = field(default_factory=list)

    @property
    def loads(self) -> list[Descriptor]:
        return [d for d in self.items if d.op == isa.OP_LOAD]

    @property
    def layers(self) -> list[Descriptor]:
        return [d for d in self.items if d.op == isa.OP_LAYER]

    @property
    def stores(self) -> list[Descriptor]:
        return [d for d in self.items if d.op == isa.OP_STORE]

    @property
    def count(self) -> int:
        return len(self.items)

    def add(self, op: int, load: Load | None = None, **values: int) -> Descriptor:
        item = Descriptor(op, values, len(self.loads), len(self.layers), load)
        self.items.append(item)
        return item

    def add_layer(self, **values: int) -> Descriptor:
        """A layer with random fields; it waits for some of the loads before it."""
        before = len(self.loads)
        fields = legal_layer(self.hardware, id=len(self.layers) % MAX_LAYERS)
        fields["wait_loads"] = random.choice(
            (0, before, max(0, before - 1), random.randint(0, before))
        )
        return self.add(isa.OP_LAYER, **(fields | values))

    def add_load(self, item: Load, **values: int) -> Descriptor:
        """A load with data; it waits for some of the layers and stores before it, or of the job
        before."""
        fields = {
            "target": item.target, "dest": item.dest, "records": item.records,
            "unit_words": item.unit_words, **item.descriptor, "wait_items": self.waits(),
            "wait_previous": random.choice((0, 1, random.randrange(20), 1 << 15)),
            "from_image": random.getrandbits(1),
        }  # fmt: skip
        return self.add(isa.OP_LOAD, item, **(fields | values))

    def waits(self) -> int:
        """How many layers and stores the next load waits for: none, all, or some of those before
        it."""
        before = len(self.layers) + len(self.stores)
        return random.choice((0, before, max(0, before - 1), random.randint(0, before)))

    def encoded(self) -> bytes:
        return isa.sealed(b"".join(item.encoded() for item in self.items))


def pack_load(values: Mapping[str, int]) -> int:
    """psf_pkg::load_t as one vector."""
    return packing.pack("load_t", values)


def pack_job(image: int, result: int, irq: int, index: int, check: int = 0, crc: int = 0) -> int:
    """psf_pkg::job_t as one vector; ``image`` and ``result`` are byte addresses."""
    values = {"irq": irq, "index": index, "check": check, "crc": crc}
    return packing.pack("job_t", values | {"image": image >> 3, "result": result >> 3})
