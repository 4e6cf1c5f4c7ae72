# SPDX-License-Identifier: Apache-2.0
"""Random commands of several clients against a Python memory; every beat is compared in order.

The clients' ports are packed vectors, so one coroutine drives them all: client c owns bit c of the
valids and readies, and field c of the commands.
"""

import random
from collections import deque

import cocotb
import pytest
from cocotb.triggers import FallingEdge, RisingEdge

from golden.hardware import isa
from golden.hardware.interface import packing
from tb.lib.axi_memory import ReadPort
from tb.lib.bench import HIDDEN, SEED, Bench
from tb.lib.bursts import ADDR_WIDTH, BUS, PAGE, SPACE, asked_of, bursts_of
from tb.lib.parameters import PARAMETERS
from tb.lib.stream import STALLS
from tb.lib.structs import View
from tb.run.cases import cases, refused
from tb.run.runner import run

SIZE = 1 << 16
MAX_BURST = PARAMETERS.get("MaxBurst", 64)
CLIENTS = PARAMETERS.get("Clients", 2)
OUTSTANDING = PARAMETERS.get("Outstanding", 4)
WORD = BUS // 8  # beats of a word


class ReadDmaBench(Bench):
    def __init__(self, dut, *, latency=0, stall=0.0, memory_stall=0.0) -> None:
        super().__init__(View(dut, {
            "window_i": ("window_t", "window_{}_i"), "fault_o": ("fault_t", "fault_{}_o"),
        }))  # fmt: skip
        self.stall = stall
        self.memory = bytearray(random.randbytes(SIZE))
        self.port = ReadPort(
            dut, self.memory, latency=latency, stall=memory_stall, max_burst=MAX_BURST,
            outstanding=OUTSTANDING, mirror=True,
        )  # fmt: skip
        self.commands = [deque() for _ in range(CLIENTS)]
        self.expected = [deque() for _ in range(CLIENTS)]
        self.taken = [0] * CLIENTS
        self.order: list[int] = []  # clients of the beats
        self.faults: list[tuple[int, int, int]] = []  # cause, address, tag
        self.tag = random.getrandbits(16)
        self.stopped = False
        self.arrived = 0  # bursts that came to AR
        self.window(0, SPACE - 1)
        for name in ("cmd_valid_i", "cmd_i", "beat_ready_i", "stop_i"):
            getattr(dut, name).value = 0

    def window(self, base: int, limit: int) -> None:
        """Allow the bytes base..limit."""
        self.dut.window_base_i.value, self.dut.window_limit_i.value = base >> 3, limit >> 3
        self.port.allowed = (base, limit)

    def send(self, client: int, address: int, beats: int) -> int:
        """Queue a command; its tag."""
        self.tag = (self.tag + 1) & 0xFFFF
        self.commands[client].append((address, beats, self.tag))
        for at in range(address, address + 8 * beats, 8):
            self.expected[client].append(int.from_bytes(self.port.word(at % SPACE), "little"))
        return self.tag

    async def start(self) -> None:
        await super().start()
        cocotb.start_soon(self._run())

    async def drained(self) -> None:
        while any(self.commands) or any(self.expected):
            await RisingEdge(self.dut.clk_i)
        await self.cycles(20)  # and nothing more comes
        assert self.port.idle() and int(self.dut.idle_o.value)
        assert not self.faults, self.faults

    async def stop(self) -> None:
        """Stop, wait until idle, forget what was queued, go on."""
        self.dut.stop_i.value = 1
        await RisingEdge(self.dut.clk_i)  # what it shows was decided before stop_i
        await FallingEdge(self.dut.clk_i)
        self.stopped, issued = True, self.arrived
        for queue in (*self.commands, *self.expected):
            queue.clear()
        await RisingEdge(self.dut.clk_i)
        while not int(self.dut.idle_o.value):
            await RisingEdge(self.dut.clk_i)
        await self.cycles(random.choice((0, 1, 10)))
        assert self.port.idle()
        assert self.arrived == issued, f"issued after stop, SEED={SEED}"
        self.stopped = False
        self.dut.stop_i.value = 0
        await RisingEdge(self.dut.clk_i)

    async def _run(self) -> None:
        dut, valid, readies, pending, accepted = self.dut, 0, 0, 0, 1
        while True:
            await RisingEdge(dut.clk_i)
            ready, beats = int(dut.cmd_ready_o.value), int(dut.beat_valid_o.value)
            arvalid = int(self.port.ar.valid.value)
            self.arrived += arvalid and (accepted or not pending)
            pending, accepted = arvalid, int(self.port.ar.ready.value)
            if int(dut.idle_o.value):
                assert not arvalid and not self.port.open, "idle with a burst in flight"
            if int(dut.fault_valid_o.value):
                names = ("fault_cause_o", "fault_addr_o", "fault_index_o")
                self.faults.append(tuple(int(getattr(dut, name).value) for name in names))
                assert not self.stopped, "a fault after stop"
            for c in range(CLIENTS):
                if valid >> c & ready >> c & 1 and self.commands[c]:
                    self.commands[c].popleft()
                    valid &= ~(1 << c)
                if beats & readies & 1 << c:
                    assert not self.faults and not self.stopped, "a beat after a fault or stop"
                    self._take(c)
            assert beats & beats - 1 == 0
            commands = readies = 0
            for c in range(CLIENTS):
                if self.commands[c] and (valid >> c & 1 or random.random() >= self.stall):
                    valid |= 1 << c
                    a, n, t = self.commands[c][0]
                else:
                    valid &= ~(1 << c)
                    a, n, t = (
                        random.getrandbits(ADDR_WIDTH),
                        random.getrandbits(29),
                        random.getrandbits(16),
                    )
                command = packing.pack("read_command_t", {"addr": a >> 3, "beats": n, "tag": t})
                commands |= command << packing.size("read_command_t") * c
                readies |= (random.random() >= self.stall) << c
            dut.cmd_valid_i.value, dut.beat_ready_i.value = valid, readies
            dut.cmd_i.value = commands

    def _take(self, c: int) -> None:
        """The beats that count of a word for client ``c``."""
        word, dut = int(self.dut.beat_data_o.value), self.dut
        first, last = int(dut.beat_first_o.value), int(dut.beat_last_o.value)
        assert first <= last < WORD
        for place in range(first, last + 1):
            got = word >> 64 * place & (1 << 64) - 1
            assert self.expected[c], f"client {c}: a beat too many"
            want = self.expected[c].popleft()
            assert got == want, (
                f"client {c}, beat {self.taken[c]}: expected {want:#x}, got {got:#x}, SEED={SEED}"
            )
            self.taken[c] += 1
            self.order.append(c)


def random_command() -> tuple[int, int]:
    """Addresses near page borders, lengths around the burst limit, sometimes none at all."""
    page = random.randrange(1, SIZE // PAGE - 2) * PAGE
    address = page + 8 * random.choice((0, -1, 1, -MAX_BURST, random.randrange(-512, 512)))
    beats = random.choice((0, 1, 2, 8, MAX_BURST, MAX_BURST + 1, random.randrange(200)))
    return address, beats


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS)
async def random_commands(dut, stall: float) -> None:
    latency = random.choice((0, 7, (0, 60)))
    bench = ReadDmaBench(dut, latency=latency, stall=stall, memory_stall=stall)
    bench.window(0, SIZE - 1)
    await bench.start()
    for _ in range(25):
        bench.send(random.randrange(CLIENTS), *random_command())
    bench.send(0, PAGE - 8, 2)
    bench.send(1, PAGE, 2 * MAX_BURST * WORD)
    bench.send(CLIENTS - 1, SIZE - 8 * 9, 9)
    await bench.drained()
    assert all(bench.taken)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def full_rate(dut) -> None:
    """Latency 20: at least 0.9 words per cycle once the first has come (short bursts: less)."""
    bench, words = ReadDmaBench(dut, latency=20), 3000 // WORD
    bench.send(1, 8 * 3, 3000)
    await bench.start()
    while not bench.taken[1]:
        await RisingEdge(dut.clk_i)
    cycles = 0
    while bench.expected[1]:
        await RisingEdge(dut.clk_i)
        cycles += 1
    dut._log.info("%.3f words per cycle, %d bursts", words / cycles, len(bench.port.bursts))
    assert words / cycles >= (0.9 if MAX_BURST == 64 else 0.5)
    assert bench.port.most_pending == OUTSTANDING
    await bench.drained()


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def priority(dut) -> None:
    """A short command of client 0 passes a long one of the last client at the next burst."""
    bench, low = ReadDmaBench(dut), CLIENTS - 1
    await bench.start()
    bench.send(low, 0, 16 * MAX_BURST * WORD)
    while bench.taken[low] < MAX_BURST * WORD:
        await RisingEdge(dut.clk_i)
    bench.send(0, 64, 2)
    await bench.drained()
    assert bench.order.index(0) <= (3 + OUTSTANDING) * MAX_BURST * WORD, bench.order.index(0)


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS)
async def bad_responses(dut, stall: float) -> None:
    """SLVERR or DECERR on any beat: reported once with its address and tag, then all is quiet."""
    bench = await ReadDmaBench(dut, latency=(0, 20), stall=stall, memory_stall=stall).begun()
    for _ in range(8):
        owner, at, lengths = {}, 0, [0] * CLIENTS
        for _ in range(6):  # areas of their own, so that an address belongs to one tag
            beats, client = random.choice((1, 2, 8, MAX_BURST + 1, 90)), random.randrange(CLIENTS)
            tag = bench.send(client, at, beats)
            for i, a in enumerate(range(at, at + 8 * beats, 8)):  # a word, by its first beat
                owner.setdefault(a // BUS * BUS, (client, tag, lengths[client] + i, a))
            lengths[client] += beats
            at += 8 * (beats + random.randrange(3))
            at += -at % BUS + 8 * random.randrange(WORD)
        bench.port.bad = set(random.sample(sorted(owner), random.choice((1, 1, 3))))
        bench.port.bursts.clear()
        bench.taken = [0] * CLIENTS
        while not bench.faults:
            await RisingEdge(dut.clk_i)
        bursts = bench.arrived
        await bench.cycles(random.choice((0, 1, 200)))
        assert bench.arrived == bursts, "issued after a fault"
        order = [a for at, n in bench.port.bursts for a in range(at, at + BUS * n, BUS)]
        first = next(a for a in order if a in bench.port.bad)
        client, tag, number, first = owner[first]
        assert bench.faults == [(isa.ERROR_READ, first, tag)], (
            f"{bench.faults}, expected {first:#x}, tag {tag}, SEED={SEED}"
        )
        assert bench.taken[client] == number  # all before the bad one, nothing behind it
        await bench.stop()
        assert len(bench.faults) == 1
        bench.faults.clear()
        bench.port.bad = set()
        bench.send(random.randrange(CLIENTS), *random_command())
        await bench.drained()


@cocotb.test(timeout_time=8, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS[:2])
async def windows(dut, stall: float) -> None:
    """Commands at the borders of windows and of all addresses: no burst outside is ever seen."""
    bench = await ReadDmaBench(dut, latency=(0, 5), stall=stall, memory_stall=stall).begun()
    seen = {"inside": 0, "outside": 0, "partly": 0}
    for turn in range(60):
        base = 8 * random.choice(
            (0, 512 * random.randrange(1 << 20), random.getrandbits(ADDR_WIDTH - 3))
        )
        limit = base + random.choice((7, 8 * random.randrange(300) + 7, PAGE - 1, 1 << 20))
        limit = min(limit, SPACE - 1) | 7
        beats = random.choice((1, 2, MAX_BURST, 64, 65, random.randrange(1, 200)))
        if turn % 10 == 0:
            base, limit = 0, SPACE - 1  # everything: a burst at the end, the next one at 0
        elif turn % 10 == 1:
            base, limit = SPACE - 8, 7  # nothing
        elif turn % 10 == 2:
            base, limit = SPACE - PAGE, SPACE - 1
        near = random.choice((base, limit + 1 - 8 * beats, limit + 1, base - 8 * beats, limit - 7))
        address = (near + 8 * random.choice((-1, 0, 0, 0, 1))) % SPACE
        if turn % 10 == 2:
            address, beats = SPACE - 8 * random.randrange(1, 40), 40  # beyond the end of the world
        bench.window(base, limit)
        client, before = random.randrange(CLIENTS), len(bench.port.bursts)
        await RisingEdge(dut.clk_i)
        bursts = bursts_of(address, beats, MAX_BURST, BUS)
        asked = asked_of(address, beats, MAX_BURST, BUS)
        inside = [base <= a and a + 8 * n - 1 <= limit for a, n in asked]
        tag = bench.send(client, address, beats)
        if all(inside):
            await bench.drained()
            assert bench.port.bursts[before:] == bursts
        else:
            while not bench.faults:
                await RisingEdge(dut.clk_i)
            first = inside.index(False)
            await bench.cycles(5)
            await bench.stop()
            assert bench.faults == [(isa.ERROR_READ_WINDOW, asked[first][0], tag)], (
                f"{bench.faults}: {address:#x}, {beats} beats in {base:#x}..{limit:#x}"
            )
            assert bench.port.bursts[before:] == bursts[:first]
            bench.faults.clear()
        seen["inside" if all(inside) else "partly" if any(inside) else "outside"] += 1
    assert all(seen.values()), seen


@cocotb.test(timeout_time=8, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS)
async def stops(dut, stall: float) -> None:
    """Stop at any cycle: ARVALID stays, open bursts end, nothing is handed on; then go on."""
    bench = await ReadDmaBench(dut, latency=(0, 30), stall=stall, memory_stall=stall).begun()
    in_flight = 0
    for _ in range(25):
        for _ in range(4):
            bench.send(random.randrange(CLIENTS), *random_command())
        await bench.cycles(random.randrange(random.choice((8, 80))))
        in_flight += int(bench.port.ar.valid.value) or bench.port.open > 0
        await bench.stop()
        bench.send(random.randrange(CLIENTS), 8 * random.randrange(1024), random.randrange(40))
        await bench.drained()
    assert in_flight


@cocotb.test(timeout_time=8, timeout_unit="ms", skip=HIDDEN)
async def flips_in_the_queue(dut) -> None:
    """Any bit of a burst that waits for its answer: a parity fault, and no beat of it goes on."""
    bench = await ReadDmaBench(dut, latency=40).begun()
    cells = dut.u_bursts.u_words.mem
    for bit in range(len(cells[0])):
        waiting = random.randrange(1, OUTSTANDING)  # the first one has left the queue
        entry = int(dut.u_bursts.write_q.value) + waiting
        bench.taken, beats = [0] * CLIENTS, MAX_BURST * OUTSTANDING * WORD
        bench.send(1, 0, beats)
        while bench.port.open < OUTSTANDING:
            await RisingEdge(dut.clk_i)
        cell = cells[entry % OUTSTANDING]
        cell.value = int(cell.value) ^ 1 << bit
        while not bench.faults:
            await RisingEdge(dut.clk_i)
        await bench.cycles(3)
        await bench.stop()
        assert [fault[:2] for fault in bench.faults] == [(isa.ERROR_PARITY, 0)], f"bit {bit}"
        assert bench.taken[1] == waiting * MAX_BURST * WORD and sum(bench.taken) == bench.taken[1]
        bench.faults.clear()


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def resets(dut) -> None:
    """A reset is no fault, asks for nothing, and ends the pulse of a fault."""
    bench = await ReadDmaBench(dut).begun()
    await bench.check_reset("fault_valid_o", "beat_valid_o")
    bench.window(8, 15)
    bench.send(0, 0, 1)
    await bench.until("fault_valid_o")
    await bench.check_reset("fault_valid_o", "beat_valid_o")
    assert bench.fell == {"fault_valid_o"}
    bench.window(0, SPACE - 1)
    bench.expected[0].clear()
    bench.faults.clear()
    for client in range(CLIENTS):
        bench.send(client, 8 * client, 3)
    await bench.drained()


@pytest.mark.long
@cases(
    {"MaxBurst": 64, "Clients": 3},
    {"MaxBurst": 5, "Clients": 2, "AddrWidth": 40, "Outstanding": 8, "BusBytes": 16},
    {"MaxBurst": 64, "Clients": 3, "BusBytes": 32},
)
def test_read_dma(parameters: dict[str, int]) -> None:
    run("psf_read_dma", __name__, parameters)


def test_a_single_client_is_refused() -> None:
    refused("psf_read_dma", {"Clients": 1}, "Clients must be at least 2")
