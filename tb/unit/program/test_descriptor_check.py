# SPDX-License-Identifier: Apache-2.0
"""Every rule of golden/hardware/check.py at its limits, and noise: both must say the same."""

import random
from collections import Counter

import cocotb
import pytest

from golden.hardware import isa
from golden.hardware.check import descriptor_fault, target_depth
from golden.hardware.configuration import (
    MAX_LAYERS,
    MAX_SHIFT,
    MIN_PLANES,
    SUM_BITS,
    Hardware,
)
from tb.lib.bench import SEED, Bench
from tb.lib.load import TARGETS
from tb.lib.parameters import hardware
from tb.lib.program import CHECKED, legal_layer, legal_load
from tb.run.runner import run

HARDWARE = hardware()


class DescriptorCheckBench(Bench):
    """Shows descriptors one after the other, word by word, and keeps the checksum."""

    def __init__(self, dut) -> None:
        super().__init__(dut)
        self.seen: Counter = Counter()
        self.crc = 0  # of the program so far

    def sealed(self, descriptor: bytes) -> bytes:
        """With the checksum of the program up to here in word 15."""
        self.crc = isa.checksum(descriptor, self.crc)
        return descriptor[:60] + self.crc.to_bytes(4, "little")

    async def judge(self, descriptor: bytes, last: int, over: int) -> int:
        """The cause; it comes three cycles after the last word."""
        for at in range(0, 64, 4):
            while random.random() < 0.1:  # a gap with garbage
                self.set(valid_i=0, word_i=random.getrandbits(32))
                await self.tick()
                assert not self.get("judged_o")
            word = int.from_bytes(descriptor[at : at + 4], "little")
            self.set(valid_i=1, word_i=word, last_i=last, over_i=over)
            await self.tick()
            assert not self.get("judged_o")
        self.noise("word_i", "last_i", "over_i")
        self.set(valid_i=0)
        await self.tick()
        assert not self.get("judged_o")
        await self.tick()
        assert self.get("judged_o")
        cause = self.get("cause_o")
        if last:
            self.crc = 0
        return cause

    async def compare(self, descriptor: bytes) -> None:
        """Alone, or as the last one of its program; an OP_END ends one."""
        want, what = descriptor_fault(HARDWARE, descriptor)
        over = descriptor[0] == isa.OP_END
        last = int(over or random.random() < 0.1)
        if last and not (want or over):
            want, what = isa.ERROR_NO_END, "no OP_END"
        got = await self.judge(self.sealed(descriptor), last, over)
        assert got == want, (
            f"cause {got}, expected {want} ({what or 'legal'}) for {descriptor.hex()}, seed {SEED}"
        )
        self.seen[descriptor[0] if descriptor[0] in isa.FIELDS else 0, want] += 1


def legal(op: int, **values: int) -> dict[str, int]:
    """Fields of a legal descriptor."""
    if op == isa.OP_LAYER:
        return legal_layer(HARDWARE, **values)
    if op == isa.OP_STORE:
        logits = random.randint(1, HARDWARE.classes)
        return {"logits": logits, "offset": random.getrandbits(29) << 3}
    if op == isa.OP_END:
        return {}
    coded = None if "coded" not in values else bool(values["coded"])
    item = legal_load(HARDWARE, values.get("target", random.randrange(len(TARGETS))), coded=coded)
    return {
        "target": item.target, "dest": item.dest, "records": item.records,
        "unit_words": item.unit_words, "offset": random.getrandbits(29) << 3,
        "wait_items": random.getrandbits(16), "wait_previous": random.getrandbits(16),
        "check": random.getrandbits(1), "crc": random.getrandbits(32), **item.descriptor,
    } | values  # fmt: skip


def noisy(op: int, values: dict[str, int]) -> bytes:
    """Encoded, with random bits wherever no field lies; word 15 is the fetcher's business."""
    data = bytearray(isa.encode(op, "test", **values))
    used = int.from_bytes(b"\xff" + bytes(63), "little")
    for word, low, bits in isa.FIELDS[op].values():
        used |= ((1 << bits) - 1) << 32 * word + low
    bits = int.from_bytes(data, "little") | random.getrandbits(512) & ~used
    return bits.to_bytes(64, "little")


def corners(name: str, bits: int) -> set[int]:
    """Values around everything that a rule could compare this field with."""
    h = HARDWARE
    limits = {
        0, 1, 2, 4, 8, MAX_SHIFT, MAX_LAYERS, h.classes,
        h.lanes, h.lanes.bit_length() - 1, h.line_words,
        h.acc_depth, h.entries // 3, h.entries // 15,
        h.patch_lines, h.patch_lines // 9, h.banks, 4 * h.lanes, 16 * h.lanes,
        h.line_words // 2, MIN_PLANES, SUM_BITS, (1 << bits) - 1, 1 << bits - 1,
    }  # fmt: skip
    if name in ("logits", "offset", "records"):
        limits |= {1 << n for n in range(bits)}
    near = {x + d for x in limits for d in (-1, 0, 1)}
    return {x for x in near if 0 <= x < 1 << bits}


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def limits(dut) -> None:
    """Every field of every kind of descriptor at every limit, everything else legal."""
    bench = DescriptorCheckBench(dut)
    await bench.reset(valid_i=0)
    kinds = [(isa.OP_LOAD, {"target": t, "coded": 0}) for t in range(len(TARGETS))]
    kinds += [(isa.OP_LOAD, {"target": t, "coded": 1}) for t in (isa.TARGET_WEIGHT, isa.TARGET_ROW)]
    kinds += [(isa.OP_LAYER, {"mode": m}) for m in range(4)]
    kinds += [(isa.OP_LAYER, {"mode": isa.MODE_HEAD, "merge": m}) for m in (0, 1)]
    kinds += [(isa.OP_STORE, {}), (isa.OP_END, {})]
    for op, values in kinds:
        for _ in range(3):
            await bench.compare(noisy(op, legal(op, **values)))
        for name, (_, _, bits) in isa.FIELDS[op].items():
            for value in corners(name, bits):
                await bench.compare(noisy(op, legal(op, **values) | {name: value}))
    for kernel3 in (0, 1):
        lines = HARDWARE.patch_lines // (9 if kernel3 else 1)
        for in_lines in {min(lines, 255), min(lines + 1, 255)}:  # the field has 8 bits
            fields = legal(isa.OP_LAYER, mode=isa.MODE_SPIKE, kernel3=kernel3, in_lines=in_lines)
            await bench.compare(noisy(isa.OP_LAYER, fields))
    width = HARDWARE.index_width
    for target in range(len(TARGETS)):
        for index_bits in (0, 1, width - 1, width, width + 1, 15):
            for row_words in {0, 1, 255, min(1 << max(width - index_bits, 0), 255)}:
                for words in {row_words, min(row_words + 1, 255)}:
                    for coded, block in ((0, 0), (0, 1), (1, 0), (1, 1)):
                        fields = legal(isa.OP_LOAD, target=target) | {
                            "coded": coded, "block": block, "index_bits": index_bits,
                            "row_words": words,
                        }  # fmt: skip
                        await bench.compare(noisy(isa.OP_LOAD, fields))
    for mode in (isa.MODE_SPIKE, isa.MODE_RESIDUAL):
        for more in (-1, 0):
            fields = legal(isa.OP_LAYER, mode=mode)
            fields["out_step"] = fields["out_words"] + more
            await bench.compare(noisy(isa.OP_LAYER, fields))
    for m in (1, 2, 3, 4, 8):  # some of them do not fit this hardware
        counts = m * m * HARDWARE.lanes
        for out_words in {min(counts, 255), min(counts + 1, 255)}:
            fields = legal(isa.OP_LAYER, mode=isa.MODE_KEY_VALUE)
            await bench.compare(
                noisy(isa.OP_LAYER, fields | {"head_words": m, "out_words": out_words})
            )
    for op in (isa.OP_LOAD, isa.OP_LAYER, isa.OP_STORE):
        assert bench.seen[op, 0] and bench.seen[op, isa.ERROR_FIELD], bench.seen


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def spans(dut) -> None:
    """Loads that end at the last address of their memory, and one beyond."""
    bench = DescriptorCheckBench(dut)
    await bench.reset(valid_i=0)
    h = HARDWARE
    for target in range(len(TARGETS)):
        depth = target_depth(h, target)
        step = h.banks if target in (isa.TARGET_WEIGHT, isa.TARGET_ROW) else 1
        for addresses in {2, 4, 64, depth} | {random.randrange(2, depth, 2) for _ in range(4)}:
            for beyond in (0, 1, 2):
                dest = depth - addresses + beyond
                fields = legal(isa.OP_LOAD, target=target)
                fields |= {"dest": dest, "records": addresses * step}
                await bench.compare(noisy(isa.OP_LOAD, fields))
        fields = legal(isa.OP_LOAD, target=target)
        await bench.compare(noisy(isa.OP_LOAD, fields | {"dest": 0xFFFF, "records": 0xFFFF00}))
    assert bench.seen[isa.OP_LOAD, isa.ERROR_OVERRUN] >= 15


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def opcodes_and_noise(dut) -> None:
    """All 256 opcodes, and random descriptors, some with a legal one's words."""
    bench = DescriptorCheckBench(dut)
    await bench.reset(valid_i=0)
    for op in range(256):
        await bench.compare(bytes([op]) + random.randbytes(63))
    for _ in range(600):
        op = random.choice((isa.OP_LOAD, isa.OP_LAYER, isa.OP_STORE))
        data = bytearray(noisy(op, legal(op)))
        for _ in range(random.choice((1, 1, 3))):
            bit = random.randrange(8, 512)
            data[bit // 8] ^= 1 << bit % 8
        await bench.compare(bytes(data))
    assert bench.seen[0, isa.ERROR_OPCODE] == 252


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def checksums(dut) -> None:
    """Every bit of a descriptor once wrong: it, and all behind it, but nothing behind an OP_END."""
    bench = DescriptorCheckBench(dut)
    await bench.reset(valid_i=0)
    for bit in range(512):
        op = random.choice((isa.OP_LOAD, isa.OP_LAYER, isa.OP_STORE))
        data = bytearray(bench.sealed(noisy(op, legal(op))))
        data[bit // 8] ^= 1 << bit % 8
        assert await bench.judge(bytes(data), last=0, over=0) == isa.ERROR_PROGRAM_CRC, bit
        wrong = isa.ERROR_PROGRAM_CRC if bit < 480 else isa.ERROR_NONE  # word 15 itself counts as 0
        end = bench.sealed(isa.encode(isa.OP_END, "test"))
        assert await bench.judge(end, last=0, over=1) == wrong
        for last in (0, 1):
            assert await bench.judge(random.randbytes(64), last, over=1) == isa.ERROR_NONE
        op = random.choice((isa.OP_LOAD, isa.OP_LAYER, isa.OP_STORE))
        await bench.compare(noisy(op, legal(op)))


@pytest.mark.parametrize("config", ["2x8", "4x32", "2x8,acc_depth=256"])
def test_descriptor_check(config: str) -> None:
    parameters = Hardware.named(config).sv_parameters()
    run("psf_descriptor_check", __name__, {name: parameters[name] for name in CHECKED})
