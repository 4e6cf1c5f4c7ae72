# SPDX-License-Identifier: Apache-2.0
"""Random descriptor programs in which every descriptor waits only for earlier ones."""

import random
from dataclasses import dataclass, field

from golden.compile import isa
from tb.lib.load import Load


@dataclass
class Descriptor:
    """One descriptor and how much of the program comes before it."""

    op: int
    values: dict[str, int]
    loads_before: int
    layers_before: int
    load: Load | None = None

    def encoded(self) -> bytes:
        if self.op in isa.FIELDS:
            return isa.encode(self.op, "test", **self.values)
        return self.op.to_bytes(64, "little")


@dataclass
class Program:
    """Descriptors in order; ``loads`` and ``layers`` are the two streams."""

    items: list[Descriptor] = field(default_factory=list)

    @property
    def loads(self) -> list[Descriptor]:
        return [d for d in self.items if d.op == isa.OP_LOAD]

    @property
    def layers(self) -> list[Descriptor]:
        return [d for d in self.items if d.op == isa.OP_LAYER]

    def add(self, op: int, load: Load | None = None, **values: int) -> Descriptor:
        item = Descriptor(op, values, len(self.loads), len(self.layers), load)
        self.items.append(item)
        return item

    def add_layer(self, **values: int) -> Descriptor:
        """A layer with random fields; it waits for some of the loads before it."""
        before = len(self.loads)
        fields = {name: random.getrandbits(bits) for name, (_, _, bits) in isa.LAYER_FIELDS.items()}
        fields["wait_loads"] = random.choice(
            (0, before, max(0, before - 1), random.randint(0, before))
        )
        fields["id"] = len(self.layers)
        return self.add(isa.OP_LAYER, **(fields | values))

    def waits(self) -> int:
        """How many layers the next load waits for: none, all, or some of those before it."""
        before = len(self.layers)
        return random.choice((0, before, max(0, before - 1), random.randint(0, before)))

    def encoded(self) -> bytes:
        return b"".join(item.encoded() for item in self.items)
