# SPDX-License-Identifier: Apache-2.0
"""Layers of random length and gap: every counter of every layer, retirement, counts of a run."""

import random

import cocotb

from tb.lib.bench import Bench
from tb.lib.bits import coin
from tb.run.runner import run

WRITING = 8  # cycles that a layer's counters take on their way into the memory
IDS = 64  # layers that are recorded
PULSES = ("start_i", "stop_i", "clear_i", "layer_start_i", "layer_done_i", "load_done_i")


class CountersBench(Bench):
    """Drives one cycle after the other and compares what must hold in it."""

    def __init__(self, dut) -> None:
        super().__init__(dut)
        self.layers = self.loads = 0
        self.active = self.waiting = False  # a layer runs; its counters wait for the writing
        self.sums = [0] * 7
        self.gap = self.before = 0
        self.queue: list[tuple[int, int] | None] = []  # writes of the coming cycles
        self.memory: dict[int, int] = {}
        self.read: tuple[int, int | None] | None = None  # address and value of the last read
        self.late = self.collisions = self.compared = self.unrecorded = 0

    async def begin(self) -> None:
        await self.reset(
            **dict.fromkeys(PULSES, 0), layer_id_i=0, layer_continues_i=0, event_i=0, re_i=0,
            raddr_i=0,
        )  # fmt: skip

    async def cycle(self, layer: int = 0, **pulses: int) -> bool:
        """One cycle with ``pulses``, a random read beside it; whether a layer has retired."""
        goes_on = pulses.pop("continues", int(coin(0.5)))  # matters with layer_start alone
        given = dict.fromkeys(PULSES, 0) | {f"{k}_i": v for k, v in pulses.items()}
        events = [random.choice((0, 1, 255, random.getrandbits(8))) for _ in range(6)]
        read = random.getrandbits(9)
        if self.queue and self.queue[0] and coin(0.5):
            read = self.queue[0][0]  # the word that is being written
        reads = coin(0.7)
        packed = sum(e << 8 * i for i, e in enumerate(events))
        self.set(
            **given,
            layer_id_i=layer,
            layer_continues_i=goes_on,
            event_i=packed,
            re_i=int(reads),
            raddr_i=read,
        )
        await self.settle()
        stop = given["stop_i"]
        retires = (given["layer_done_i"] or self.waiting) and not self.queue and not stop
        self.equal("retire_o", self.get("retire_o"), int(retires))
        self.equal("layers_o", self.get("layers_o"), self.layers)
        self.equal("loads_o", self.get("loads_o"), self.loads)
        if self.read is not None and self.read[1] is not None:
            self.equal(f"counter {self.read[0]}", self.get("rdata_o"), self.read[1])
            self.compared += 1
        # ---- After the edge.
        if reads:
            self.read = read, self.memory.get(read)
            self.collisions += bool(self.queue and self.queue[0] and self.queue[0][0] == read)
        if self.active:
            self.sums = [s + n for s, n in zip(self.sums, [1, *events], strict=True)]
        write = self.queue.pop(0) if self.queue else None
        if write:
            self.memory[write[0]] = write[1]
        if retires:
            values = [*self.sums, self.before]
            self.late += self.waiting
            self.unrecorded += layer >= IDS
            self.queue = [(8 * layer + i, v) if layer < IDS else None for i, v in enumerate(values)]
            assert len(self.queue) == WRITING
        self.waiting = bool(given["layer_done_i"] or self.waiting) and not retires and not stop
        if given["layer_start_i"] and goes_on:
            self.before += self.gap
        elif given["layer_start_i"]:
            self.sums, self.before = [0] * 7, self.gap
        if given["start_i"]:
            self.sums, self.before = [0] * 7, 0
        self.active = bool(given["layer_start_i"] or self.active) and not given["layer_done_i"]
        self.active = self.active and not stop
        self.gap = 1 if given["start_i"] or given["layer_done_i"] else self.gap + 1
        if given["start_i"] or given["clear_i"]:
            self.layers = self.loads = 0
        elif not stop:
            self.layers += int(retires)
            self.loads += given["load_done_i"]
        await self.tick()
        return bool(retires)

    async def idle(self, cycles: int) -> None:
        for _ in range(cycles):
            await self.cycle(random.getrandbits(8), load_done=int(coin(0.3)))

    async def layer(self, layer: int, length: int, gap: int) -> None:
        """``gap`` cycles, then a layer of ``length`` cycles up to its retirement."""
        await self.idle(gap)
        continues = int(coin(0.3))
        await self.cycle(layer, layer_start=1, continues=continues, load_done=int(coin(0.3)))
        for _ in range(length - 1):
            await self.cycle(random.getrandbits(8), load_done=int(coin(0.3)))
        retired = await self.cycle(layer, layer_done=1)
        while not retired:
            retired = await self.cycle(layer)


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def runs(dut) -> None:
    """Random layers, short ones that wait for the memory among them; every id, and ids beyond."""
    bench = await CountersBench(dut).begun()
    for _ in range(4):
        await bench.cycle(start=1)
        ids = [*random.sample(range(IDS), IDS), IDS, 255, *random.choices(range(256), k=20)]
        random.shuffle(ids)
        for layer in ids:
            await bench.layer(layer, random.choice((1, 2, 5, 40)), random.choice((0, 1, 3, 12)))
    await bench.idle(WRITING)
    for address in range(8 * IDS):
        bench.set(re_i=1, raddr_i=address)
        await bench.tick()
        bench.equal(f"counter {address} at the end", bench.get("rdata_o"), bench.memory[address])
    bench.check(bench.late > 20, f"{bench.late} layers waited")
    bench.check(bench.collisions > 20, f"{bench.collisions} reads met a write")
    bench.check(bench.unrecorded > 4 and bench.compared > 500, "too little was seen")


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def stops(dut) -> None:
    """A stop forgets the layer amid its run, writes what has retired; clear forgets the counts."""
    bench = await CountersBench(dut).begun()
    for _ in range(100):
        await bench.cycle(start=1)
        for _ in range(random.randint(0, 3)):
            await bench.layer(random.randrange(IDS), random.randint(1, 6), random.randint(0, 3))
        layer = random.randrange(IDS)
        when = random.choice(("between", "running", "waiting"))
        if when != "between":
            await bench.cycle(layer, layer_start=1)
            await bench.idle(random.randint(0, 3))
        if when == "waiting" and not await bench.cycle(layer, layer_done=1):
            bench.late += 1
        for _ in range(random.randint(1, 12)):
            await bench.cycle(layer, stop=1, load_done=int(coin(0.3)))
        await bench.idle(random.randint(0, 10))
        if coin(0.5):
            await bench.cycle(clear=1, load_done=int(coin(0.5)))
    bench.check(bench.late > 3, "no stop met a layer that waits")


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def resets(dut) -> None:
    """Amid a layer, its writing or its wait: nothing retires behind it, the counts begin at 0."""
    bench = await CountersBench(dut).begun()
    for _ in range(40):
        await bench.cycle(start=1)
        await bench.layer(random.randrange(IDS), random.randint(1, 6), random.randint(0, 3))
        await bench.cycle(7, layer_start=1)
        when = random.choice(("running", "writing", "waiting"))
        if when == "writing":
            await bench.idle(WRITING)
        if when != "running":
            await bench.cycle(7, layer_done=1)
        inputs = dict.fromkeys(PULSES, 0)
        bench.set(**inputs)
        await bench.settle()
        await bench.check_reset("retire_o", "layers_o", "loads_o")
        bench.layers = bench.loads = 0
        bench.active = bench.waiting = False
        bench.queue.clear()
        bench.memory.clear()
        bench.read = None
        bench.set(event_i=0)
        await bench.idle(2 * WRITING)
    bench.check({"layers_o", "loads_o"} <= bench.fell, "nothing was counted before a reset")


def test_counters() -> None:
    run("psf_counters", __name__)
