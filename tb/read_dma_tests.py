# SPDX-License-Identifier: Apache-2.0
"""Random commands of two clients against a Python memory; every beat is compared in order.

The clients' ports are packed vectors, so one coroutine drives both: client c owns bit c of the
valids and readies, and field c of the commands.
"""

import os
import random
from collections import deque

import cocotb
from cocotb.triggers import RisingEdge
from cocotbext.axi import AxiReadBus

from tb.lib import reset
from tb.lib.axi_memory import PAGE, ReadPort
from tb.lib.stream import STALLS

SIZE = 1 << 16
MAX_BURST = int(os.environ["MAX_BURST"])
OUTSTANDING = 4


class Bench:
    def __init__(self, dut, *, latency=0, stall=0.0, memory_stall=0.0) -> None:
        self.dut, self.stall = dut, stall
        self.memory = bytearray(random.randbytes(SIZE))
        self.port = ReadPort(
            AxiReadBus.from_prefix(dut, "m_axi"), dut.clk_i, dut.rst_ni, self.memory,
            latency=latency, stall=memory_stall, max_burst=MAX_BURST, outstanding=OUTSTANDING,
        )  # fmt: skip
        self.commands = [deque(), deque()]
        self.expected = [deque(), deque()]
        self.taken = [0, 0]
        self.order: list[int] = []  # clients of the beats
        for name in ("cmd_valid_i", "cmd_addr_i", "cmd_beats_i", "beat_ready_i"):
            getattr(dut, name).value = 0

    def send(self, client: int, address: int, beats: int) -> None:
        self.commands[client].append((address, beats))
        for at in range(address, address + 8 * beats, 8):
            data = int.from_bytes(self.memory[at : at + 8], "little")
            self.expected[client].append((data, int(at in self.port.bad)))

    async def start(self) -> None:
        await reset.start(self.dut)
        cocotb.start_soon(self._run())

    async def drained(self) -> None:
        while any(self.commands) or any(self.expected):
            await RisingEdge(self.dut.clk_i)
        for _ in range(20):  # and nothing more comes
            await RisingEdge(self.dut.clk_i)
        assert self.port.idle()

    async def _run(self) -> None:
        dut, valid, readies = self.dut, 0, 0
        while True:
            await RisingEdge(dut.clk_i)
            ready, beats = int(dut.cmd_ready_o.value), int(dut.beat_valid_o.value)
            for c in range(2):
                if valid >> c & ready >> c & 1:
                    self.commands[c].popleft()
                    valid &= ~(1 << c)
                if beats & readies & 1 << c:
                    got = int(dut.beat_data_o.value), int(dut.beat_error_o.value)
                    assert self.expected[c], f"client {c}: a beat too many"
                    want = self.expected[c].popleft()
                    assert got == want, (
                        f"client {c}, beat {self.taken[c]}: expected {want}, got {got}, "
                        f"seed {cocotb.RANDOM_SEED}"
                    )
                    self.taken[c] += 1
                    self.order.append(c)
            assert beats != 3
            address = length = 0
            readies = 0
            for c in range(2):
                if self.commands[c] and (valid >> c & 1 or random.random() >= self.stall):
                    valid |= 1 << c
                    a, n = self.commands[c][0]
                else:
                    a, n = random.getrandbits(32), random.getrandbits(29)
                address |= a >> 3 << 29 * c
                length |= n << 29 * c
                readies |= (random.random() >= self.stall) << c
            dut.cmd_valid_i.value, dut.beat_ready_i.value = valid, readies
            dut.cmd_addr_i.value, dut.cmd_beats_i.value = address, length


def random_command() -> tuple[int, int]:
    """Addresses near page borders, lengths around the burst limit, sometimes none at all."""
    page = random.randrange(1, SIZE // PAGE - 2) * PAGE
    address = page + 8 * random.choice((0, -1, 1, -MAX_BURST, random.randrange(-512, 512)))
    beats = random.choice((0, 1, 2, 8, MAX_BURST, MAX_BURST + 1, random.randrange(200)))
    return address, beats


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS)
async def random_commands(dut, stall: float) -> None:
    bench = Bench(dut, latency=random.choice((0, 7)), stall=stall, memory_stall=stall)
    bench.port.bad = {8 * random.randrange(SIZE // 8) for _ in range(2000)}
    await bench.start()
    for _ in range(25):
        bench.send(random.randrange(2), *random_command())
    bench.send(0, PAGE - 8, 2)
    bench.send(1, PAGE, 2 * MAX_BURST)
    await bench.drained()
    assert all(bench.taken)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def full_rate(dut) -> None:
    """Latency 20: at least 0.9 beats per cycle once the first has come (short bursts: less)."""
    bench = Bench(dut, latency=20)
    bench.send(1, 8 * 3, 3000)
    await bench.start()
    while not bench.taken[1]:
        await RisingEdge(dut.clk_i)
    cycles = 0
    while bench.expected[1]:
        await RisingEdge(dut.clk_i)
        cycles += 1
    dut._log.info("%.3f beats per cycle, %d bursts", 3000 / cycles, len(bench.port.bursts))
    assert 3000 / cycles >= (0.9 if MAX_BURST == 64 else 0.5)
    assert bench.port.most_pending == OUTSTANDING
    await bench.drained()


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def priority(dut) -> None:
    """A short command of client 0 passes a long one of client 1 at the next burst."""
    bench = Bench(dut)
    await bench.start()
    bench.send(1, 0, 16 * MAX_BURST)
    while bench.taken[1] < MAX_BURST:
        await RisingEdge(dut.clk_i)
    bench.send(0, 64, 2)
    await bench.drained()
    assert bench.order.index(0) <= (2 + OUTSTANDING) * MAX_BURST, bench.order.index(0)
