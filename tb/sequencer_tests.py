# SPDX-License-Identifier: Apache-2.0
"""Random programs against a fake fetcher, loader, datapath and writer, in one coroutine each."""

import random
from collections import deque

import cocotb
from cocotb.triggers import RisingEdge

from golden.compile import isa
from tb.lib import reset
from tb.lib.layer import pack_layer
from tb.lib.program import Program
from tb.lib.stream import STALLS, scramble

ERROR_OPCODE, ERROR_TARGET, ERROR_READ, ERROR_WRITE = 1, 2, 3, 4
LOAD_MEMBERS = {
    "wait_layers": 16, "from_image": 1, "target": 4, "unit_words": 8, "dest": 16, "records": 24,
    "offset": 32,
}  # fmt: skip


def random_program(length: int) -> Program:
    program = Program()
    for _ in range(length):
        kind = random.random()
        if kind < 0.5:
            values = {n: random.getrandbits(b) for n, (_, _, b) in isa.LOAD_FIELDS.items()}
            values |= {"target": random.randrange(5), "wait_layers": program.waits()}
            program.add(isa.OP_LOAD, **values)
        elif kind < 0.95:
            program.add_layer()
        else:
            program.add(
                isa.OP_STORE, logits=random.getrandbits(16), offset=random.getrandbits(29) << 3
            )
    program.add(isa.OP_END)
    return program


class Bench:
    """Plays everything around the sequencer and checks each of its decisions when it is made."""

    def __init__(self, dut, program: Program, stall: float) -> None:
        self.dut, self.program, self.stall = dut, program, stall
        self.loads, self.layers = deque(program.loads), deque(program.layers)
        self.load_indices = deque(i for i, d in enumerate(program.items) if d.op == isa.OP_LOAD)
        self.stores = deque(d for d in program.items if d.op == isa.OP_STORE)
        self.loads_done = self.layers_done = self.overlaps = 0
        self.in_flight: deque[int] = deque()  # indices of loads handed on
        self.layer_runs = self.store_runs = False
        self.bad_descriptor: int | None = None
        self.bad_load: int | None = None  # index of a descriptor
        self.bad_store = False
        self.error_seen = False  # from here on nothing may start
        self.error_cycle = 0
        self.finish: tuple[int, int] | None = None
        self.cycle = self.started = 0
        self.back_to_back = 0
        for name in ("start_i", "fetch_idle_i", "desc_valid_i", "load_ready_i", "load_done_i",
                     "layer_done_i", "store_ready_i", "store_done_i"):  # fmt: skip
            getattr(dut, name).value = int(name == "fetch_idle_i")

    def go(self) -> bool:
        return random.random() >= self.stall

    async def run(self) -> None:
        """Start, play, and return when the program has finished."""
        dut = self.dut
        await reset.start(dut)
        for part in (self._fetch, self._load, self._layer, self._store, self._watch):
            cocotb.start_soon(part())
        dut.start_i.value = 1
        await RisingEdge(dut.clk_i)
        dut.start_i.value = 0
        while self.finish is None:
            await RisingEdge(dut.clk_i)
        counts = self.loads_done, self.layers_done
        for _ in range(30):
            await RisingEdge(dut.clk_i)
        assert (self.loads_done, self.layers_done) == counts
        assert (int(dut.loads_o.value), int(dut.layers_o.value)) == counts
        assert not self.in_flight and not self.layer_runs and not self.store_runs

    async def _fetch(self) -> None:
        dut, at, valid, stopped, idle_in = self.dut, 0, False, False, 5
        data = self.program.encoded()
        while True:
            await RisingEdge(dut.clk_i)
            if int(dut.fetch_stop_o.value):
                stopped = True
            if valid and int(dut.desc_ready_o.value):
                assert not self.error_seen, "a descriptor is taken after an error"
                at, valid = at + 1, False
            if stopped:  # the beats on their way take a while
                valid = False
                idle_in = max(0, idle_in - int(random.random() < 0.5))
            dut.fetch_idle_i.value = int(stopped and not idle_in)
            valid = valid or (not stopped and 64 * at < len(data) and self.go())
            dut.desc_valid_i.value = int(valid)
            dut.desc_index_i.value = at
            dut.desc_error_i.value = int(at == self.bad_descriptor)
            if valid:
                dut.desc_data_i.value = int.from_bytes(data[64 * at : 64 * at + 64], "little")
            else:
                scramble(dut.desc_data_i, dut.desc_error_i)

    async def _load(self) -> None:
        dut, ready, done, index = self.dut, False, False, 0
        while True:
            await RisingEdge(dut.clk_i)
            failed = done and index == self.bad_load
            if done:
                self.loads_done += 1
                self.in_flight.popleft()
            if ready and int(dut.load_valid_o.value):
                assert not self.error_seen, "a load starts after an error"
                want, number = self.loads.popleft(), self.load_indices.popleft()
                assert self.layers_done >= want.values["wait_layers"], f"load {number} is early"
                vector = 0
                for name, width in LOAD_MEMBERS.items():
                    vector = vector << width | want.values.get(name, 0)
                assert int(dut.load_o.value) == vector
                assert int(dut.load_index_o.value) == number
                self.in_flight.append(number)
                self.overlaps += self.layer_runs
            if failed:  # a load or layer may still have started in this very cycle
                self.error_seen, self.error_cycle = True, self.cycle
            ready = self.go()
            done = bool(self.in_flight) and random.random() < 0.15 and self.cycle > 0
            dut.load_ready_i.value, dut.load_done_i.value = int(ready), int(done)
            if done:
                index = self.in_flight[0]
                dut.load_done_index_i.value = index
                dut.load_error_i.value = int(index == self.bad_load)
            else:
                scramble(dut.load_done_index_i, dut.load_error_i)

    async def _layer(self) -> None:
        dut, done, left, last_done = self.dut, False, 0, -1
        while True:
            await RisingEdge(dut.clk_i)
            self.cycle += 1
            if done:
                self.layer_runs, last_done = False, self.cycle
                self.layers_done += 1
            if int(dut.layer_start_o.value):
                assert not self.layer_runs, "two layers at once"
                assert not self.error_seen or self.cycle <= self.error_cycle + 2
                want = self.layers.popleft()
                assert self.loads_done >= want.values["wait_loads"], "a layer is early"
                assert int(dut.layer_o.value) == pack_layer(want.values)
                self.layer_runs, left = True, random.choice((1, 2, 10, 60))
                self.back_to_back += self.cycle == last_done + 1
            done = self.layer_runs and left == 0 and not done
            left = max(0, left - 1)
            dut.layer_done_i.value = int(done)

    async def _store(self) -> None:
        dut, ready, done = self.dut, False, False
        while True:
            await RisingEdge(dut.clk_i)
            if done:
                self.store_runs = False
                self.error_seen |= self.bad_store
            if ready and int(dut.store_valid_o.value):
                assert not self.error_seen and not self.store_runs
                want = self.stores.popleft()
                assert (self.loads_done, self.layers_done) == (
                    want.loads_before,
                    want.layers_before,
                )
                got = int(dut.store_logits_o.value), int(dut.store_offset_o.value) << 3
                assert got == (want.values.get("logits", 0), want.values.get("offset", 0))
                self.store_runs = True
            ready = self.go()
            done = self.store_runs and random.random() < 0.2
            dut.store_ready_i.value, dut.store_done_i.value = int(ready), int(done)
            if done:
                dut.store_error_i.value = int(self.bad_store)
            else:
                scramble(dut.store_error_i)

    async def _watch(self) -> None:
        """cycles_o counts from the cycle before start_i to the one after finish_o."""
        dut, started, cycle = self.dut, None, 0
        while True:
            await RisingEdge(dut.clk_i)
            cycle += 1
            if int(dut.start_i.value):
                started = cycle - 1
            if self.finish is not None:
                assert int(dut.cycles_o.value) == self.started, "cycles_o moves after the end"
            if int(dut.finish_o.value):
                assert self.finish is None, "two ends"
                self.finish = int(dut.finish_cause_o.value), int(dut.finish_index_o.value)
                self.started = cycle + 1 - started


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS, length=(0, 60))
async def random_programs(dut, stall: float, length: int) -> None:
    bench = Bench(dut, random_program(length), stall)
    await bench.run()
    assert bench.finish is not None and bench.finish[0] == 0, bench.finish
    assert not bench.loads and not bench.layers and not bench.stores
    if length and not stall:
        assert bench.overlaps and bench.back_to_back


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(
    kind=("opcode", "zero", "target", "descriptor", "load", "store"), stall=STALLS[:2]
)
async def errors(dut, kind: str, stall: float) -> None:
    """Each error amid a program: its cause and index, nothing new starts, what runs completes."""
    program = random_program(20)
    middle = len(program.items) // 2
    position = middle
    bench_bad: dict[str, object] = {}
    if kind in ("opcode", "zero"):
        program.items[middle].op = 0 if kind == "zero" else random.randrange(5, 256)
        cause = ERROR_OPCODE
    elif kind == "target":
        program.items[middle].op = isa.OP_LOAD
        program.items[middle].values = {"target": random.randrange(5, 16)}
        cause = ERROR_TARGET
    elif kind == "descriptor":
        bench_bad["bad_descriptor"], cause = middle, ERROR_READ
    elif kind == "load":
        program.add(isa.OP_LOAD, records=1, wait_layers=0)
        program.items.insert(middle, program.items.pop())
        bench_bad["bad_load"], cause = middle, ERROR_READ
    else:
        position = next((i for i, d in enumerate(program.items) if d.op == isa.OP_STORE), -1)
        if position < 0:
            position = len(program.items) - 1
            program.items[-1:] = []
            program.add(isa.OP_STORE)
            program.add(isa.OP_END)
        bench_bad["bad_store"], cause = True, ERROR_WRITE
    for item in program.items[middle + 1 :]:  # may refer to a descriptor that is gone
        for name in ("wait_loads", "wait_layers"):
            if name in item.values:
                item.values[name] = 0
    bench = Bench(dut, program, stall)
    for name, value in bench_bad.items():
        setattr(bench, name, value)
    await bench.run()
    assert bench.finish == (cause, position), f"{bench.finish}, expected {(cause, position)}"
