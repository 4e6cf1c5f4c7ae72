# SPDX-License-Identifier: Apache-2.0
"""A bench whose memory is watched, and what is wrong after a run that ended well."""

from __future__ import annotations

from dataclasses import dataclass

from tb.campaigns.fuzz_oracle import Certain, Memory, certain, stored
from tb.lib.host import COUNTERS
from tb.lib.inference import Inference


@dataclass
class Watched:
    """A bench, and what its memory has to hold."""

    bench: Inference
    memory: Memory

    @classmethod
    async def of(cls, bench: Inference) -> Watched:
        place = bench.place
        data = bytearray(await bench.dump(0, place["end"]))
        return cls(bench, Memory(data, place["weights"], place["image"], place["result"]))

    async def load(self, contents: dict[int, bytes]) -> None:
        """Into the memory."""
        await self.bench.load(contents)
        for address, data in contents.items():
            self.memory.data[address : address + len(data)] = data

    async def changes(self) -> list[int]:
        """Addresses of the beats that the accelerator has written; they are right from now on."""
        got = bytearray(await self.bench.dump(0, len(self.memory.data)))
        was, self.memory.data = self.memory.data, got
        if got == was:
            return []
        return [i for i in range(0, len(got), 8) if got[i : i + 8] != was[i : i + 8]]

    def certain(self, program: bytes, count: int) -> Certain:
        """What a run that ended well must have done; the memory is still as it was before."""
        return certain(self.bench.hardware, program, count, self.memory)

    async def wrong(self, must: Certain) -> tuple[str | None, bool]:
        """What is wrong after a run that ended well; whether its result was compared."""
        bench, place = self.bench, self.bench.place
        changed = await self.changes()
        for name, want in (("LAYERS", must.layers), ("LOADS", must.loads)):
            got = await bench.read(name)
            if got != want:
                return f"{name} is {got}, not {want}", False
        for layer, want in must.rows.items():
            got = [
                await bench.layer_counter(layer, COUNTERS.index(n)) for n in ("rows", "row_adds")
            ]
            if tuple(got) != want:
                return f"layer {layer}: rows and row-adds {got}, not {want}", False
        at = range(place["result"], place["end"] if must.stored else 0)
        if any(address not in at for address in changed):
            return f"beats from {changed[0]:#x} on have changed", False
        if must.result is None:
            return None, False
        at = place["result"] + must.result[0]
        cycles = int.from_bytes(self.memory.data[at + 4 : at + 8], "little")
        if not 0 < cycles <= await bench.read("CYCLES"):
            return f"stored cycles {cycles}", False
        want = stored(must.result, cycles)
        if any(not at <= address < at + len(want) for address in changed):
            return f"beats from {changed[0]:#x} on have changed", False
        got = self.memory.data[at : at + len(want)]
        return (None if got == want else f"result {got.hex()}, not {want.hex()}"), True
