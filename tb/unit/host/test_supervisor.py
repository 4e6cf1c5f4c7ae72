# SPDX-License-Identifier: Apache-2.0
"""Runs that end well, fail, are aborted, time out or hang, against a model that knows the rules."""

import random

import cocotb

from golden.hardware import isa
from tb.lib.bench import Bench
from tb.lib.bits import coin
from tb.lib.structs import View
from tb.run.runner import run

PATIENCE = 1 << 16  # cycles that a halt waits for the bus
# Falling priority: name of the valid, (cause, index, addr) inputs or constants.
FAULTS = (
    ("read_fault_valid_i", "read_cause_i", "read_index_i", "read_addr_i"),
    ("write_fault_valid_i", "write_cause_i", "active_index_i", "write_addr_i"),
    ("load_fault_valid_i", "load_cause_i", "load_index_i", "load_addr_i"),
    ("parity_i", isa.ERROR_PARITY, "active_index_i", 0),
    ("overrun_i", isa.ERROR_OVERRUN, "active_index_i", 0),
    ("program_fault_valid_i", "program_cause_i", "program_index_i", "program_addr_i"),
)
STRUCTS = {f"{who}_fault_i": ("fault_t", who + "_{}_i")
           for who in ("read", "write", "load", "program")}  # fmt: skip
VALUES = (*(f"{who}_{part}_i" for who in ("read", "write", "load", "program")
            for part in ("cause", "index", "addr")),
          "active_index_i", "job_i", "more_i", "irq_i")  # fmt: skip
PULSES = ("run_i", "abort_i", "soft_reset_i", "retire_i", *(f[0] for f in FAULTS))


class SupervisorBench(Bench):
    """Drives one cycle after the other and compares what must hold in it."""

    def __init__(self, dut) -> None:
        super().__init__(View(dut, STRUCTS | {"ending_o": ("ending_t", "{}_o")}))
        self.state = "idle"  # reset run halt clear
        self.watchdog = 0
        self.quiet = False  # a soft reset: nobody hears of the end
        self.reset_low = False  # of the run, in this cycle
        self.halted = 0  # cycles
        self.error = (0, 0, 0, 0)
        self.write = self.began = 0  # cycles from which cycles_o counts
        self.stood: int | None = 0  # where it stands while nothing runs
        self.ends: dict[str, int] = {}
        self.late = False

    async def begin(self) -> None:
        await self.reset(bus_idle_i=1, watchdog_i=0, **dict.fromkeys(PULSES, 0))
        self.equal("run_rst_no", self.get("run_rst_no"), 1)

    def count(self, end: str) -> None:
        self.ends[end] = self.ends.get(end, 0) + 1

    async def cycle(self, bus_idle=1, **pulses: int) -> None:
        """One cycle; a run_i is left out where it must not come."""
        values = {name: random.getrandbits(self.width(name)) for name in VALUES}
        values |= {k: v for k, v in pulses.items() if k in VALUES}
        given = dict.fromkeys(PULSES, 0) | {k: v for k, v in pulses.items() if k in PULSES}
        soft = given["soft_reset_i"]
        if self.state != "idle" or not bus_idle or soft:
            given["run_i"] = 0
        self.set(**given, **values, bus_idle_i=bus_idle, watchdog_i=self.watchdog)
        await self.settle()
        # ---- What must be seen in this cycle.
        state = self.state
        faults = [f for f in FAULTS if given[f[0]]] if state == "run" else []
        late = state == "run" and self.late
        halt = state in ("reset", "run") and bool(faults or late or given["abort_i"] or soft)
        retire = state == "run" and given["retire_i"] and not halt
        done = retire and not values["more_i"]
        forget = soft or self.quiet
        for name, want in {
            "run_rst_no": not self.reset_low, "stop_o": state != "run", "busy_o": state != "idle",
            "stuck_o": state == "idle" and not bus_idle, "forget_o": forget,
            "idle_o": state == "idle" and bus_idle and not soft, "retire_o": retire,
            "done_o": done, "irq_job_o": retire and values["irq_i"],
            "error_o": state == "clear" and not forget,
        }.items():  # fmt: skip
            self.equal(f"{name} in {state}", self.get(name), int(bool(want)))
        if state == "clear" and not forget:
            got = tuple(self.get(n) for n in ("cause_o", "index_o", "addr_o", "job_o"))
            self.equal("error", got, self.error)
            self.count("error")
        cycles = self.stood if self.stood is not None else self.now - self.began
        self.equal("cycles_o", self.get("cycles_o"), cycles)
        # ---- What follows.
        expired = bool(self.watchdog) and self.get("cycles_o") >= self.watchdog
        self.late = state == "run" and not retire and expired
        self.reset_low = False
        self.quiet = forget and state not in ("idle", "clear")
        if state == "idle":
            self.reset_low = bool(given["run_i"] or soft)
            if given["run_i"]:
                self.state, self.began, self.stood = "reset", self.now - 1, None
        elif halt:
            self.state, self.halted = "halt", 0
            if faults:
                _, *rest = faults[0]
                cause, index, addr = (values.get(x, x) for x in rest)
            else:
                cause = isa.ERROR_TIMEOUT if late else isa.ERROR_ABORT
                index, addr = values["active_index_i"], 0
            self.error = (cause, index, addr, values["job_i"])
            self.count("timeout" if late and not faults else "halt")
        elif state == "reset":
            self.state = "run"
        elif state == "run" and done:
            self.state = "idle"
            self.count("done")
        elif retire:
            self.began = self.now + 1
        elif state == "halt":
            if bus_idle or self.halted >= PATIENCE:
                self.state, self.reset_low = "clear", True
            self.halted += 1
        elif state == "clear":
            self.state = "idle"
        if forget:
            self.stood = 0
        elif self.state == "idle" and self.stood is None:
            self.stood = self.now + 1 - self.began
        await self.tick()

    async def run(self) -> None:
        """To the state "run", with nothing in between."""
        while self.state != "run":
            await self.cycle(run_i=1)


def noise(rate: float) -> dict[str, int]:
    return {name: int(coin(rate)) for name in PULSES if name not in ("run_i", "retire_i")}


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(rate=(0.0, 0.005, 0.05))
async def random_events(dut, rate: float) -> None:
    """Everything at random, also together."""
    bench = await SupervisorBench(dut).begun()
    busy_bus = False
    for _ in range(6000):
        if bench.state == "idle":
            bench.watchdog = random.choice((0, 0, 40, 200))
        # The bus comes to rest some time after a halt, and is at rest where a run ends well.
        busy_bus = bench.state in ("run", "halt") and coin(0.8 if busy_bus else 0.2)
        retire = coin(0.05)
        more = int(coin(0.6))
        idle = int(not busy_bus or (retire and not more))
        pulses = noise(rate) | {"run_i": int(coin(0.2)), "retire_i": int(retire), "more_i": more}
        await bench.cycle(bus_idle=idle, **pulses)
    assert bench.ends["done"] > 3 and (rate or bench.ends["timeout"] > 2), bench.ends
    if rate:
        assert bench.ends["error"] > 3, bench.ends


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def every_cause(dut) -> None:
    """Each fault alone and with all of lower priority; the first counts, later ones do not."""
    bench = await SupervisorBench(dut).begun()
    for i in range(len(FAULTS)):
        for lower in (0, 1):
            await bench.run()
            await bench.cycle()
            pulses = {f[0]: 1 if j == i else lower for j, f in enumerate(FAULTS) if j >= i}
            await bench.cycle(bus_idle=0, retire_i=1, more_i=0, abort_i=lower, **pulses)
            for _ in range(3):
                await bench.cycle(bus_idle=0, **{f[0]: 1 for f in FAULTS})
            while bench.state != "idle":
                await bench.cycle()
    assert bench.ends["error"] == 2 * len(FAULTS)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def aborts_at_any_cycle(dut) -> None:
    """Abort and soft reset in every state, twice, and each during the halt of the other."""
    bench = await SupervisorBench(dut).begun()
    for first in ("abort_i", "soft_reset_i", "parity_i"):
        for second in ("abort_i", "soft_reset_i"):
            for at in range(4):
                for gap in range(1, 6):
                    for i in range(12):
                        pulses = {first: int(i == at), second: int(i == at + gap)}
                        pulses["run_i"] = int(i == 0)
                        await bench.cycle(bus_idle=int(i < at or i > at + 3), **pulses)
                    if bench.state == "run":
                        await bench.cycle(retire_i=1, more_i=0)
                    while bench.state != "idle":
                        await bench.cycle()
    assert bench.ends["error"] > 20


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(watchdog=(1, 2, 3, 20, 100))
async def time_outs(dut, watchdog: int) -> None:
    """Each job has watchdog_i cycles of its own; the one that takes longer fails with its index."""
    bench = await SupervisorBench(dut).begun()
    bench.watchdog = watchdog
    await bench.run()
    jobs = 0
    while watchdog > 3 and jobs < 4:  # one cycle less than what would be too long
        if bench.now - bench.began == watchdog:
            await bench.cycle(retire_i=1, more_i=1)
            jobs += 1
        await bench.cycle()
    for _ in range(watchdog + 8):
        await bench.cycle()
    assert bench.ends == {"timeout": 1, "error": 1}, bench.ends


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def hanging_bus(dut) -> None:
    """65,536 cycles, then the error comes all the same; nothing begins while the bus is stuck."""
    bench = await SupervisorBench(dut).begun()
    await bench.run()
    await bench.cycle(bus_idle=0, abort_i=1)
    for _ in range(PATIENCE - 1):  # only a few of them are looked at
        await bench.tick()
    bench.halted = PATIENCE - 1
    for _ in range(6):
        await bench.cycle(bus_idle=0)
    assert bench.state == "idle" and bench.ends["error"] == 1
    for _ in range(50):
        await bench.cycle(bus_idle=0, run_i=1)  # left out: idle_o is low
    await bench.run()
    await bench.cycle(retire_i=1, more_i=0)
    assert bench.ends["done"] == 1


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(amid=("run", "halt", "clear"))
async def resets(dut, amid: str) -> None:
    """The run is held in reset, too; nothing is told, remembered or counted."""
    bench = await SupervisorBench(dut).begun()
    await bench.run()
    while bench.state != amid:
        await bench.cycle(bus_idle=int(amid == "clear"), soft_reset_i=1)
    bench.set(bus_idle_i=1, **dict.fromkeys(PULSES, 0))  # outputs follow some of them
    await bench.settle()
    await bench.check_reset(
        "busy_o", "stuck_o", "forget_o", "retire_o", "done_o", "error_o", "irq_job_o", "cycles_o"
    )
    assert "busy_o" in bench.fell
    bench.equal("run_rst_no", bench.get("run_rst_no"), 1)
    bench.set(rst_ni=0)
    await bench.settle()
    bench.equal("run_rst_no", bench.get("run_rst_no"), 0)


def test_supervisor() -> None:
    run("psf_supervisor", __name__)
