# SPDX-License-Identifier: Apache-2.0
"""A ring of jobs in the memory of ``psf_tb_top``, filled and checked by the host."""

import random
import struct

import cocotb

from golden.hardware.check import image_crc
from golden.hardware.compile.compiled import Program
from tb.lib.inference import Inference


def ring_bytes(program: Program, jobs: int, log_entries: int) -> int:
    """What a ring with its jobs takes in memory, at most."""
    return 64 + (32 << log_entries) + jobs * (program.image_bytes + program.result_bytes + 32)


class Ring(Inference):
    """A ring behind everything else in memory; every job has places of its own."""

    log_entries = 3
    checked = False  # entries have the CRC of their image
    spoilt: dict[int, int]  # of these jobs some bits of the CRC are wrong

    def layout(self, jobs: int) -> None:
        at = -(-self.place["end"] // 64) * 64
        self.ring = at
        at += 32 << self.log_entries
        self.image_at, self.result_at = [], []
        for _ in range(jobs):
            self.image_at.append(at)
            at += -(-self.program.image_bytes // 8) * 8 + 8
        self.write_from = at
        for _ in range(jobs):
            self.result_at.append(at)
            at += self.program.result_bytes + 16
        self.write_to = at

    async def prepare(self, choice: list[int]) -> None:
        """Images of all jobs in memory, windows around them."""
        self.choice = choice
        self.layout(len(choice))
        contents = {at: self.packed[i] for at, i in zip(self.image_at, choice, strict=True)}
        await self.load(contents)
        await self.set_windows(
            (self.place["program"], self.write_from - 1), (self.write_from, self.write_to - 1)
        )
        await self.write_address("RING_BASE", self.ring)
        await self.write("RING_SIZE", self.log_entries | self.checked << 8)

    async def queue(self, first: int, last: int, irqs: set[int] = frozenset()) -> None:
        """Entries of the jobs first .. last - 1, then the doorbell."""
        entries = {}
        for k in range(first, last):
            at = self.ring + (16 << self.checked) * (k % (1 << self.log_entries))
            image, result = self.image_at[k], self.result_at[k]
            # What lies above the addresses and beside the flag is ignored.
            high = (0xDEAD_BEEF << self.addr_width - 31 | image >> 31 & ~1 | int(k in irqs),
                    0xBEEF_F00D << self.addr_width - 31 | result >> 31 & ~1 | 1)  # fmt: skip
            words = [x & 0xFFFF_FFFF for x in (image, result, *high)]
            if self.checked:
                crc = image_crc(self.program.hardware, self.program.program, self.image_of(k))
                words += [crc ^ self.spoilt.get(k, 0), *(random.getrandbits(32) for _ in range(3))]
            entries[at] = struct.pack(f"<{len(words)}I", *words)
        await self.load(entries)
        await self.write("RING_HEAD", last)

    def image_of(self, job: int) -> bytes:
        return self.packed[self.choice[job]]

    async def check_jobs(self, jobs) -> None:
        for k in jobs:
            got = await self.stored(self.result_at[k])
            assert got == self.expected[self.choice[k]], f"job {k}: {got}"


async def ring(dut, jobs: int, *, checked: bool = False, **options) -> Ring:
    bench = Ring(dut)
    bench.checked, bench.spoilt = checked, {}
    await bench.begin(seed=cocotb.RANDOM_SEED, **options)
    await bench.check_good()
    await bench.prepare([random.randrange(len(bench.packed)) for _ in range(jobs)])
    return bench
