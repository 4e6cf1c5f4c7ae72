# SPDX-License-Identifier: Apache-2.0
"""``psf_top`` between cocotbext-axi's AXI4-Lite master and its AXI4 slave.

Results, counters and errors must not depend on how the buses hold back; what is expected comes from
the emulator. The rules of both buses are held by ``psf_axi_checker`` and ``psf_axi_top``.
"""

import logging
import os
import random
import shutil

import cocotb
import pytest
from cocotb.triggers import ClockCycles, with_timeout
from cocotb.utils import get_sim_time
from cocotbext.axi import AxiBus, AxiLiteBus, AxiLiteMaster, AxiSlave
from cocotbext.axi.address_space import Region

from golden.contract.random_network import random_images
from golden.hardware import isa
from golden.hardware.check import load_bytes
from golden.hardware.compile.program import compile_network
from golden.hardware.configuration import Hardware
from golden.hardware.execute.emulator import Emulator
from tb.lib.bench import Bench
from tb.lib.host import COUNTERS, DECERR, OKAY, PERIOD_NS, SLVERR
from tb.lib.inference import Outcome, results
from tb.lib.networks import seeing_network
from tb.lib.registers import DONE, REGISTERS
from tb.lib.ring import Ring, ring_bytes
from tb.lib.stream import pauses
from tb.lib.work import NetworkWork
from tb.run.runner import run
from tb.system.run import MODELS, SMALL, write_job

PAGE, MAX_BURST = 4096, 64
ADDR_WIDTH = 40
BUS = {"AxiIdWidth": 4, "AxiId": 5, "AxiAddrWidth": ADDR_WIDTH, "AxiCache": 15, "AxiProt": 2}
# Where the memory ends, with each share of stalls: behind 4 GiB, with the addresses, between.
ENDS = {0: (1 << 32) + 5 * PAGE, 50: 1 << ADDR_WIDTH, 90: 0x12_3456_7000}
LATENCY = 60  # cycles, at most, before a burst that does not follow the one before
JOBS = 4
READABLE = ("ID", "VERSION", "STATUS", "CAP0", "CYCLES", "LAYERS", "RING_TAIL")


class Dram(Region):
    """Memory of an AxiSlave, ``size`` bytes from ``origin`` on; it takes its time, and fails at the
    addresses in ``bad`` and at all that it has not."""

    def __init__(self, clock, origin: int, size: int) -> None:
        super().__init__(1 << ADDR_WIDTH)
        self.clock, self.origin, self.bytes = clock, origin, bytearray(random.randbytes(size))
        self.bad: set[int] = set()
        self.following = None  # address

    async def _read(self, address: int, length: int) -> bytes:
        if address != self.following or random.random() < 0.01:
            await ClockCycles(self.clock, random.randint(1, LATENCY))
        self.following = address + length
        at = self._check(address)
        return bytes(self.bytes[at : at + length])

    async def _write(self, address: int, data: bytes) -> None:
        at = self._check(address)
        self.bytes[at : at + len(data)] = data

    def _check(self, address: int) -> int:
        """Its place in ``bytes``."""
        at = address - self.origin
        if address in self.bad or not 0 <= at < len(self.bytes):
            raise ValueError(f"no memory at {address:#x}")  # the slave makes SLVERR of it
        return at


class AxiBench(Ring):
    """The host over AXI4-Lite, the memory behind AXI4, pauses on all channels.

    The memory lies across 4 GiB, or at the end of all addresses, or (0) somewhere between.
    """

    addr_width = ADDR_WIDTH

    def __init__(self, dut, end: int) -> None:
        super().__init__(dut)
        self._place(end)
        emulator = Emulator(self.hardware, cocotb.RANDOM_SEED)
        self.answers = emulator.run_jobs(self.program.program, self.program.weights, self.packed)
        self.expected = [results(a.stored) for a in self.answers]
        self.talking = False
        self.resp = SLVERR  # what a bad address answers
        self.reads: list[tuple[int, int]] = []  # bursts: address, beats
        self.writes: list[tuple[int, int]] = []

    def _place(self, end: int) -> None:
        """The result across a page, whatever the size of the program; all of it up to ``end``."""
        size = self.program.result_bytes
        self.place["result"] = -(-self.place["result"] // PAGE) * PAGE + PAGE - size // 16 * 8
        self.place["end"] = self.place["result"] + size + 8
        size = self.place["end"] + ring_bytes(self.program, JOBS, self.log_entries) + PAGE
        self.size = -(-size // PAGE) * PAGE
        self.base = end - self.size
        self.place = {name: self.base + at for name, at in self.place.items()}

    async def start(self, stalls: int, latency: int, seed: int) -> None:
        dut = self.dut
        for name in ("read_base_i", "read_limit_i", "write_base_i", "write_limit_i"):
            getattr(dut, name).value = 0
        self.memory = Dram(dut.clk_i, self.base, self.size)
        self.master = AxiLiteMaster(
            AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk_i, dut.rst_ni, False
        )
        self.slave = AxiSlave(
            AxiBus.from_prefix(dut, "m_axi"), dut.clk_i, dut.rst_ni, self.memory, False
        )
        write, read = self.slave.write_if, self.slave.read_if
        for side in (write, read, self.master.write_if, self.master.read_if):
            side.log.setLevel(logging.ERROR)  # a line per access, and one per bad answer
        self._record(read.ar_channel, "ar", self.reads, self.hardware.bus_bytes)
        self._record(write.aw_channel, "aw", self.writes, 8)
        self._respond(read.r_channel, "rresp")
        self._respond(write.b_channel, "bresp")
        if stalls:
            host = self.master
            for channel in (
                write.aw_channel, write.w_channel, write.b_channel, read.ar_channel,
                read.r_channel, host.write_if.aw_channel, host.write_if.w_channel,
                host.write_if.b_channel, host.read_if.ar_channel, host.read_if.r_channel,
            ):  # fmt: skip
                channel.set_pause_generator(pauses(stalls / 100))
        await Bench.start(self)

    @staticmethod
    def _record(channel, name: str, bursts: list, word: int) -> None:
        """Note every burst of words of so many bytes that the slave takes, and hold it against what
        the header promises."""
        take = channel.recv

        async def recv():
            burst = await take()
            fields = ("addr", "len", "size", "burst", "id", "lock", "cache", "prot")
            of = {f: int(getattr(burst, name + f)) for f in fields}
            address, beats = of["addr"], of["len"] + 1
            where = f"{name}: {beats} beats at {address:#x}"
            assert (1 << of["size"], of["burst"], of["lock"]) == (word, 1, 0), f"{where}: {of}"
            use = {"AxiId": of["id"], "AxiCache": of["cache"], "AxiProt": of["prot"]}
            assert use.items() <= BUS.items(), f"{where}: {of}"
            assert address % word == 0 and beats <= MAX_BURST, where
            assert address % PAGE + word * beats <= PAGE, f"{where}: across a page"
            bursts.append((address, beats))
            return burst

        channel.recv = recv

    def _respond(self, channel, field: str) -> None:
        """The slave knows SLVERR only."""
        send = channel.send

        async def answer(item) -> None:
            if getattr(item, field) != OKAY:
                setattr(item, field, self.resp)
            await send(item)

        channel.send = answer

    # -- registers and memory, for the classes below ------------------------------------------

    async def access(self, addr: int, write: int, data: int = 0) -> int:
        limit = 5000 * PERIOD_NS
        if write:
            answer = self.master.write(addr, data.to_bytes(4, "little"))
            return int((await with_timeout(answer, limit, "ns")).resp)
        got = await with_timeout(self.master.read(addr, 4), limit, "ns")
        self.rdata = int.from_bytes(got.data, "little")
        return int(got.resp)

    async def _read(self, addr: int, name: str) -> int:
        got = await with_timeout(self.master.read(addr, 4), 5000 * PERIOD_NS, "ns")
        assert int(got.resp) == OKAY, f"register {name}: response {got.resp} to a read"
        return int.from_bytes(got.data, "little")

    async def load(self, contents: dict[int, bytes]) -> None:
        for addr, data in contents.items():
            at = addr - self.base
            self.memory.bytes[at : at + len(data)] = data

    async def dump(self, addr: int, size: int) -> bytes:
        at = addr - self.base
        return bytes(self.memory.bytes[at : at + size])

    # -- checks -------------------------------------------------------------------------------

    async def chatter(self) -> None:
        """Accesses that change nothing, while the block works."""
        while self.talking:
            if random.random() < 0.5:
                await self.read(random.choice(READABLE))
            else:
                write = random.randrange(2)
                addr = REGISTERS["STATUS"].address if write else 0x7FC
                assert await self.access(addr, write, random.getrandbits(32)) == SLVERR
            await ClockCycles(self.dut.clk_i, random.randint(1, 50))

    async def check_counters(self, image: int, result: int, alone: bool = True) -> None:
        """Work is what the emulator says, whatever the stalls; no cycle of a group is lost.

        ``result``: where the last job has stored its own; ``alone``: it was the only one.
        """
        groups, total = self.hardware.groups, 0
        for layer in self.program.layers:
            values = [await self.layer_counter(layer.id, i) for i in range(len(COUNTERS))]
            got = dict(zip(COUNTERS, values, strict=True))
            want = self.answers[image].drained[layer.id]
            where = f"{layer.name}: {got}"
            assert (got["rows"], got["row_adds"]) == (want.rows, want.row_adds), (
                f"{where}, expected {want.rows} rows and {want.row_adds} row adds"
            )
            waits = sum(got[name] for name in ("bank", "fetch", "drain", "idle"))
            assert got["row_adds"] + waits == groups * got["cycles"], where
            # Before its first layer a later job counts from the last layer of the job before.
            total += got["cycles"] + (got["gap"] if alone or layer.id else 0)
        cycles = await self.read("CYCLES")
        assert 0 < total <= cycles, f"{total} cycles in layers, {cycles} in all"
        stored = int.from_bytes((await self.dump(result, 8))[4:], "little")
        assert total <= stored <= cycles, f"stored {stored} cycles, layers {total}, all {cycles}"

    async def check_done(self, jobs: int) -> None:
        """What the registers say about the run."""
        loads = sum(op == isa.OP_LOAD for op, _ in self.descriptors())
        layers = len(self.program.layers)
        assert await self.read("STATUS") == DONE
        done = (await self.read("LAYERS"), await self.read("LOADS"))
        assert done == (jobs * layers, jobs * loads), f"{done}, {jobs} jobs"


async def ready(dut, stalls: int) -> AxiBench:
    bench = AxiBench(dut, ENDS[stalls])
    await bench.begin(stalls, seed=cocotb.RANDOM_SEED)
    return bench


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(stalls=[0, 50, 90])
async def inferences(dut, stalls: int) -> None:
    """Single runs, then a batch of jobs: results, counters and status as without a stall."""
    bench = await ready(dut, stalls)
    limit = 20 * bench.limit
    for image in range(2):
        bench.talking = True
        talk = cocotb.start_soon(bench.chatter())
        begun = get_sim_time("ns")
        await bench.check_good(image, limit)
        took = (get_sim_time("ns") - begun) / PERIOD_NS
        bench.talking = False
        await talk
        assert await bench.read("CYCLES") <= took
        assert await bench.read("LABEL") == bench.expected[image][0][0]
        await bench.check_done(1)
        await bench.check_counters(image, bench.place["result"])
    await bench.prepare([random.randrange(len(bench.images)) for _ in range(JOBS)])
    await bench.queue(0, JOBS)
    await bench.until_interrupt(JOBS * limit)
    await bench.check_done(JOBS)
    assert await bench.read("RING_TAIL") == JOBS
    await bench.check_jobs(range(JOBS))
    await bench.check_counters(bench.choice[-1], bench.result_at[-1], alone=False)
    await bench.acknowledge()
    bench.must_stay_inside()
    assert not int(dut.bus_open_o.value)
    # What must have happened for this to say anything.
    word = bench.hardware.bus_bytes
    for bursts, longest, size in ((bench.reads, MAX_BURST, word), (bench.writes, 1, 8)):
        ends = [(a + size * n) % PAGE == 0 and a % PAGE != 0 and n < MAX_BURST for a, n in bursts]
        assert any(ends), "no burst was cut at a page"
        assert max(n for _, n in bursts) >= longest
    if stalls:
        assert int(dut.stalled_o.value) == 0x1FF, f"not all channels: {dut.stalled_o.value}"


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(stalls=[0, 50])
async def errors(dut, stalls: int) -> None:
    """SLVERR and DECERR at an address: the block says where, and the next run is right."""
    bench = await ready(dut, stalls)
    limit = 20 * bench.limit
    await bench.check_good(0, limit)
    reads, writes = list(bench.reads), list(bench.writes)
    assert len(writes) > 1
    place, code = bench.place, bench.descriptors()
    areas = (("program", "weights"), ("weights", "image"), ("image", "result"))
    kinds = {name: [b for b in reads if place[name] <= b[0] < place[end]] for name, end in areas}
    for name in [*kinds, *kinds]:
        address, beats = random.choice(kinds[name])
        await fails(bench, address + 8 * random.randrange(beats), limit, isa.ERROR_READ, name, code)
    for address, _ in writes:
        await fails(bench, address, limit, isa.ERROR_WRITE, "result", code)


async def fails(bench: AxiBench, bad: int, limit: int, cause: int, where: str, code: list) -> None:
    """A run that meets a bad address, and one after it."""
    bench.memory.bad, bench.resp = {bad}, random.choice((SLVERR, DECERR))
    outcome: Outcome = await bench.check_error(cause, index_of(bench, bad, where, code),
                                               image=0, limit=limit)  # fmt: skip
    assert outcome.addr == bad, f"expected address {bad:#x}: {outcome}"
    bench.memory.bad = set()
    await bench.check_good(random.randrange(len(bench.images)), limit)


def index_of(bench: AxiBench, address: int, where: str, code: list) -> int:
    """The first descriptor that reads or writes an address; loads of equal data share it."""
    offset = address - bench.place[where]
    if where == "program":
        return offset // isa.DESCRIPTOR_BYTES
    if where == "result":
        return next(i for i, (op, _) in enumerate(code) if op == isa.OP_STORE)
    return next(
        i
        for i, (op, f) in enumerate(code)
        if op == isa.OP_LOAD and f["from_image"] == (where == "image")
        and 0 <= offset - f["offset"] < load_bytes(bench.hardware, f)
    )  # fmt: skip


HARDWARE = Hardware.named("2x8")
IMAGES = 3
ON_ICARUS = "inferences/stalls=0"
CASES = [*(f"inferences/stalls={s}" for s in (0, 50, 90)), *(f"errors/stalls={s}" for s in (0, 50))]
WIDE = Hardware.named("2x8,bus_bytes=32")  # the results are narrow bursts there


@pytest.mark.long
# Two builds; pytest-xdist shares the tests.
@pytest.mark.parametrize(
    ("testcase", "hardware"), [*((case, HARDWARE) for case in CASES), (CASES[1], WIDE)],
    ids=[*CASES, "wide"],
)  # fmt: skip
def test_axi(testcase, hardware):
    if os.environ.get("SIM") == "icarus" and testcase != ON_ICARUS:
        pytest.skip("the whole block and Python models on Icarus take minutes: one case there")
    seed = int(os.environ.get("SEED") or 1)
    network = seeing_network(SMALL, seed, "balanced", lanes=hardware.lanes)
    program = compile_network(network, hardware).program
    folder = write_job(NetworkWork(network, random_images(SMALL, IMAGES, seed)), hardware, program)
    run_axi(__name__, {"PSF_JOB": str(folder)}, testcase, hardware)
    shutil.rmtree(folder)


def run_axi(
    test_module: str, env: dict[str, str], testcase: str | None = None, hardware=HARDWARE
) -> None:
    """Run a module of cocotb tests on ``psf_axi_top``, all in one build."""
    parameters = hardware.sv_parameters() | BUS
    run(
        "psf_axi_top",
        test_module,
        parameters,
        [MODELS / f"psf_{n}" for n in ("buses.svh", "axi_top.sv", "axi_checker.sv")],
        dut="psf_top",
        dut_parameters=parameters,
        env=env,
        testcase=testcase,
        fast=True,
    )
