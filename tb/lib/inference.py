# SPDX-License-Identifier: Apache-2.0
"""Inferences on ``psf_tb_top`` without the scoreboard: label and logits against the golden model.

For benches that disturb the accelerator and want to know whether it still tells the truth.
"""

import json
import os
import random
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles

from golden.hardware import isa
from golden.hardware.configuration import Hardware
from golden.hardware.execute.expected import expectations
from tb.lib.host import CAUSES, Host
from tb.lib.memory_map import memory_map
from tb.lib.registers import DONE, ERROR, START, STUCK
from tb.lib.work import load

BUS_CAUSES = (
    isa.ERROR_READ, isa.ERROR_WRITE, isa.ERROR_READ_WINDOW, isa.ERROR_WRITE_WINDOW,
)  # fmt: skip


Results = list[tuple[int, list[int]]]


@dataclass
class Outcome:
    """How a run ended: STATUS, and the error registers."""

    status: int
    cause: int
    index: int
    addr: int
    job: int

    def __str__(self) -> str:
        what = CAUSES.get(self.cause, "no error")
        return (
            f"status {self.status}, cause {self.cause} ({what}) at descriptor {self.index}, "
            f"address {self.addr:#x}, job {self.job}"
        )


def results(stored: Iterable[tuple[int, Sequence[int]]]) -> Results:
    """Label and logits of the images of a job, of plain numbers."""
    return [(int(label), [int(x) for x in logits]) for label, logits in stored]


class Inference(Host):
    """A host with a network, its program and images, and what must come out."""

    def __init__(self, dut):
        super().__init__(dut)
        folder = Path(os.environ["PSF_JOB"])
        self.settings = json.loads((folder / "job.json").read_text())
        self.hardware = Hardware(**self.settings["hardware"])
        work = load(folder)
        self.network, self.images = work.network, work.images
        self.program = work.program(self.hardware, coded=self.settings["coded"])
        self.place = memory_map(self.program)
        expected = expectations(self.program, self.network, self.images)
        self.expected = [results(e.stored) for e in expected]  # by job, as images do
        self.blank = b"\xa5" * self.program.result_bytes
        self.packed = [work.image(self.program, job) for job in range(work.runs)]
        self.row_adds = max(sum(x.row_adds for x in e.layers) for e in expected)
        # Generous: what a run takes at most when the memory does not hold back.
        self.limit = 20_000 + 10 * self.row_adds

    async def begin(self, stalls: int = 0, latency: int = 20, seed: int = 1) -> None:
        """Reset, memory and registers, ready for ``run``."""
        await self.start(stalls, latency, seed)
        await self.restore()

    async def restore(self) -> None:
        """Program and weights in memory and the registers as they should be."""
        p = self.program
        await self.load({self.place["program"]: p.program, self.place["weights"]: p.weights})
        await self.set_up(self.place, p.count, p.result_bytes)
        await self.write("WATCHDOG", 0)

    async def outcome(self) -> Outcome:
        names = ("STATUS", "ERROR_CAUSE", "ERROR_INDEX")
        values = [await self.read(name) for name in names]
        address = await self.read_address("ERROR_ADDR")
        return Outcome(*values, address, await self.read("ERROR_JOB"))

    async def run(self, limit: int | None = None, image: int | None = None) -> Outcome:
        """One start to its interrupt, which is acknowledged; ``image`` is loaded before."""
        if image is not None:
            await self.put_image(image)
        await self.write("CTRL", START)
        await self.until_interrupt(limit or self.limit)
        result = await self.outcome()
        await self.acknowledge()
        return result

    async def put_image(self, image: int) -> None:
        """The image, and a result area that is clearly not a result."""
        await self.load({self.place["image"]: self.packed[image], self.place["result"]: self.blank})

    async def stored(self, addr: int | None = None) -> Results:
        """Labels and logits in memory."""
        size = self.program.result_bytes
        data = np.frombuffer(await self.dump(addr or self.place["result"], size), "<i4")
        return results(
            (row[0], row[2 : 2 + self.program.config.classes])
            for row in data.reshape(self.program.images, -1)
        )

    async def untouched(self) -> bool:
        """Is the result area as ``put_image`` left it?"""
        return await self.dump(self.place["result"], self.program.result_bytes) == self.blank

    async def check_good(self, image: int | None = None, limit: int | None = None) -> None:
        """A run must end well and give what the golden model says."""
        image = random.randrange(len(self.packed)) if image is None else image
        outcome = await self.run(limit, image)
        assert outcome.status == DONE and outcome.cause == 0, f"a good run: {outcome}"
        got = await self.stored()
        assert got == self.expected[image], f"image {image}: {got}, not {self.expected[image]}"

    async def check_error(
        self, cause: int, index: int | None = None, addr: int | None = None, **run
    ) -> Outcome:
        """A run must end with this error, at this descriptor and address, the bus at rest."""
        return self.must_be(await self.run(**run), cause, index, addr)

    def must_be(
        self, outcome: Outcome, cause: int, index: int | None = None, addr: int | None = None
    ) -> Outcome:
        """What ``check_error`` says; an error that is not of the bus has address 0."""
        addr = addr if cause in BUS_CAUSES else 0
        assert outcome.status == ERROR and outcome.cause == cause, (
            f"expected cause {cause} ({CAUSES[cause]}), got {outcome}"
        )
        assert index is None or outcome.index == index, f"expected descriptor {index}: {outcome}"
        assert addr is None or outcome.addr == addr, f"expected address {addr:#x}: {outcome}"
        assert outcome.job == 0, f"it was started, not queued: {outcome}"
        assert not int(self.dut.bus_open_o.value), f"a transaction is still open: {outcome}"
        self.must_stay_inside()
        return outcome

    def must_stay_inside(self) -> None:
        escapes = int(self.dut.escapes_o.value)
        assert escapes == 0, f"{escapes} accesses outside the windows"

    async def fail(self, read: int = 0, write: int = 0, resp: int = 2) -> None:
        """Let the memory answer the n-th read beat or write response from now on badly."""
        dut = self.dut
        dut.memory_fail_read_i.value, dut.memory_fail_write_i.value = read, write
        dut.memory_fail_resp_i.value = resp
        await self.pulse("memory_arm_i")

    # -- the program --------------------------------------------------------------------------

    def descriptors(self) -> list[tuple[int, dict[str, int]]]:
        """Opcode and fields of every descriptor of the program."""
        return [isa.decode(d) for d in isa.cut(self.program.program)]

    def loads(self, images: bool = False) -> list[tuple[int, dict[str, int]]]:
        """Index and fields of every load from the weights; ``images``: of the others, too."""
        return [
            (i, f)
            for i, (op, f) in enumerate(self.descriptors())
            if op == isa.OP_LOAD and (images or not f["from_image"])
        ]

    def find(self, op: int, **values: int) -> int:
        """Index of a random descriptor of this kind."""
        found = [
            i
            for i, (o, f) in enumerate(self.descriptors())
            if o == op and all(f[k] == v for k, v in values.items())
        ]
        return random.choice(found)

    def patched(self, index: int, op: int | None = None, **values: int) -> bytes:
        """The program with fields of one descriptor changed, checksums right."""
        program = bytearray(self.program.program)
        at = index * isa.DESCRIPTOR_BYTES
        words = list(struct.unpack_from("<16I", program, at))
        fields = isa.FIELDS[words[0] & 0xFF]
        for name, value in values.items():
            word, low, bits = fields[name]
            words[word] = words[word] & ~(((1 << bits) - 1) << low) | value << low
        if op is not None:
            words[0] = words[0] & ~0xFF | op
        struct.pack_into("<16I", program, at, *words)
        return isa.sealed(bytes(program))

    async def run_patched(
        self, program: bytes, cause: int, index: int | None, addr: int | None = None
    ) -> None:
        """A changed program must end with this error; then the right one runs well."""
        await self.load({self.place["program"]: program})
        await self.check_error(cause, index, addr)
        await self.restore()
        await self.check_good()

    async def until_idle(self, limit: int) -> int:
        """Wait until neither busy nor stuck; returns STATUS."""
        for _ in range(limit // 10):
            status = await self.read("STATUS")
            if not status & (1 | STUCK):
                return status
            await ClockCycles(self.dut.clk_i, 10)
        raise AssertionError(f"still busy after {limit} cycles: {await self.outcome()}")


async def ready(dut, **options) -> Inference:
    """An accelerator that has classified one image."""
    bench = Inference(dut)
    await bench.begin(seed=cocotb.RANDOM_SEED, **options)
    await bench.check_good()
    return bench
