# SPDX-License-Identifier: Apache-2.0
"""Every way to go wrong on the whole accelerator: it stops cleanly, says why, and works again.

After every error a good run follows, without a reset.
"""

import random
import struct

import cocotb
import pytest

from golden.hardware import isa
from golden.hardware.check import load_bytes
from golden.hardware.isa import DESCRIPTOR_BYTES
from tb.lib.bursts import bursts_of, outside
from tb.lib.host import DECERR, SLVERR
from tb.lib.inference import Inference, ready
from tb.lib.reach import rows_overrun
from tb.lib.registers import REGISTERS, SOFT_RESET
from tb.system.run import run_small


@cocotb.test(timeout_time=2000, timeout_unit="ms")
@cocotb.parametrize(stalls=[0, 50])
async def bad_responses(dut, stalls: int) -> None:
    """SLVERR and DECERR on any read beat and on the write response."""
    bench = await ready(dut, stalls=stalls)
    p = bench.program
    beats = (len(p.program) + len(p.weights) + p.image_bytes) // 8
    for number in [1, 2, 8, 9, beats] + [random.randint(1, beats) for _ in range(25)]:
        await bench.put_image(0)
        await bench.fail(read=number, resp=random.choice((SLVERR, DECERR)))
        outcome = await bench.check_error(isa.ERROR_READ, limit=20 * bench.limit)
        place, addr = bench.place, outcome.addr
        assert place["program"] <= addr < place["result"], f"beat {number}: {outcome}"
        if addr < place["program"] + len(p.program):
            assert outcome.index == (addr - place["program"]) // DESCRIPTOR_BYTES, str(outcome)
        else:
            op, fields = bench.descriptors()[outcome.index]
            assert op == isa.OP_LOAD, str(outcome)
            first = place["image" if fields["from_image"] else "weights"] + fields["offset"]
            assert first <= addr < first + load_bytes(bench.hardware, fields), str(outcome)
        assert int(dut.memory_bad_o.value), "the memory did not fail"
        await bench.fail()
        await bench.check_good(limit=20 * bench.limit)
    for resp in (SLVERR, DECERR):
        await bench.fail(write=1, resp=resp)
        store, at = bench.find(isa.OP_STORE), bench.place["result"]
        await bench.check_error(isa.ERROR_WRITE, store, at, image=0, limit=20 * bench.limit)
        await bench.fail()
        await bench.check_good(limit=20 * bench.limit)


@cocotb.test(timeout_time=2000, timeout_unit="ms")
async def bad_programs(dut) -> None:
    """Unknown opcodes, fields out of range, memories too small, no end: checksums are right."""
    bench = await ready(dut)
    h, count = bench.hardware, bench.program.count
    for op in (0, 5, 0xFF):
        index = random.randrange(count)
        await bench.run_patched(bench.patched(index, op=op), isa.ERROR_OPCODE, index)
    weights, rows, params, spikes = (
        bench.find(isa.OP_LOAD, target=target)
        for target in (isa.TARGET_WEIGHT, isa.TARGET_ROW, isa.TARGET_PARAM, isa.TARGET_SPIKE)
    )
    any_load = bench.find(isa.OP_LOAD, from_image=0)
    spike = bench.find(isa.OP_LAYER, mode=isa.MODE_SPIKE)
    key_value = bench.find(isa.OP_LAYER, mode=isa.MODE_KEY_VALUE)
    head = bench.find(isa.OP_LAYER, mode=isa.MODE_HEAD)
    store = bench.find(isa.OP_STORE)
    fields = (
        (any_load, dict(target=6), dict(records=0)),
        (weights, dict(records=1), dict(coded=1, block=0, index_bits=h.index_width + 1),
         dict(coded=1, block=1, index_bits=1, row_words=0),
         dict(coded=1, block=1, row_words=(1 << h.index_width) + 1)),
        (params, dict(coded=1)),
        (spikes, dict(unit_words=0), dict(unit_words=h.line_words + 1)),
        (spike, dict(id=64), dict(steps=0), dict(width=0), dict(height=0), dict(in_lines=0),
         dict(in_words=0), dict(out_words=0), dict(out_words=h.acc_depth + 1), dict(row_cost=0),
         dict(shift=8), dict(kernel3=0, in_lines=h.patch_lines + 1),
         dict(kernel3=1, in_lines=h.patch_lines // 9 + 1)),
        (key_value, dict(head_words=3), dict(tokens=h.patch_lines + 1), dict(head_lanes=15)),
        (head, dict(tokens=h.classes + 1), dict(tokens=0)),
        (store, dict(logits=0), dict(logits=h.classes + 1)),
    )  # fmt: skip
    spans = (
        (weights, dict(dest=h.bank_depth)),
        (rows, dict(dest=h.row_depth), dict(records=2 * h.banks * h.row_depth)),
        (params, dict(dest=h.param_depth)),
        (spikes, dict(dest=h.spike_lines)),
    )
    for cause, mistakes in ((isa.ERROR_FIELD, fields), (isa.ERROR_OVERRUN, spans)):
        for index, *changes in mistakes:
            for values in changes:
                await bench.run_patched(bench.patched(index, **values), cause, index)
    # What only shows while a layer runs: addresses beyond the end of a memory.
    residual = bench.find(isa.OP_LAYER, mode=isa.MODE_RESIDUAL)
    plain = bench.find(isa.OP_LAYER, mode=isa.MODE_SPIKE, pool=0)
    pool = bench.find(isa.OP_LAYER, pool=1)
    for index, *changes in (
        (spike, dict(in_base=h.spike_lines - 1), dict(in_base=0xFFFF)),
        (plain, dict(out_base=h.spike_lines - 1), dict(row_base=h.row_depth - 1),
         dict(param_base=h.param_depth)),
        (pool, dict(out_base=h.spike_lines - 1), dict(out_base=h.spike_lines - 8, out_clear=16)),
        (residual, dict(stream_stride=h.stream_depth)),
        (key_value, dict(dump_base=h.bank_depth), dict(dump_base=0xFFFF)),
    ):  # fmt: skip
        for values in changes:
            program = bench.patched(index, **values)
            await bench.run_patched(program, isa.ERROR_OVERRUN, index)
    # A row table that points beyond the weight memory, found while it is loaded.
    row = bench.find(isa.OP_LOAD, target=isa.TARGET_ROW, coded=0)
    fields = bench.descriptors()[row][1]
    weights = bytearray(bench.program.weights)
    at = fields["offset"]
    for entry in (h.bank_depth | 1 << 16, (h.bank_depth - 1) | 2 << 16, 1 << 16 | 8 << 24, 0):
        struct.pack_into("<I", weights, at, entry)
        await bench.load({bench.place["weights"]: bytes(weights)})
        await bench.run_patched(bench.patched(row, check=0), isa.ERROR_OVERRUN, row)
    # Coded rows that begin, or end, beyond it.
    row = bench.find(isa.OP_LOAD, target=isa.TARGET_ROW, coded=1)
    for first in (h.bank_depth, h.bank_depth - 1, 0xFFFF):
        await bench.run_patched(bench.patched(row, first_word=first), isa.ERROR_OVERRUN, row)
    # No OP_END within PROGRAM_COUNT.
    for short in (1, 2, count - 1):
        await bench.write("PROGRAM_COUNT", short)
        await bench.check_error(isa.ERROR_NO_END, short - 1)
        await bench.restore()
        await bench.check_good()
    await bench.write("PROGRAM_COUNT", 0)
    await bench.check_error(isa.ERROR_NO_END)
    await bench.restore()
    await bench.check_good()


def flipped(bench: Inference, load: tuple[int, dict[str, int]]) -> tuple[bytes, int, int]:
    """The weights with a random bit of the data of ``load`` flipped, the error, its descriptor.

    A row that points beyond the weight memory is found out before the checksum of its load is.
    """
    index, fields = load
    first, size = fields["offset"], load_bytes(bench.hardware, fields)
    weights, bit = bytearray(bench.program.weights), random.randrange(8 * size)
    weights[first + bit // 8] ^= 1 << bit % 8
    if fields["target"] == isa.TARGET_ROW and rows_overrun(
        bench.hardware, fields, weights[first : first + size]
    ):
        return bytes(weights), isa.ERROR_OVERRUN, index
    return bytes(weights), isa.ERROR_WEIGHT_CRC, index


def first_outside(bench: Inference, window: tuple[int, int]) -> tuple[int | None, int]:
    """Descriptor and address of the first burst of a run that is not inside ``window``."""
    program = bursts_of(bench.place["program"], len(bench.program.program) // 8)
    if outside(program, *window) is not None:
        return None, outside(program, *window)  # no descriptor is known by then
    for index, fields in bench.loads(images=True):
        base = bench.place["image" if fields["from_image"] else "weights"]
        beats = load_bytes(bench.hardware, fields) // 8
        at = outside(bursts_of(base + fields["offset"], beats), *window)
        if at is not None:
            return index, at
    raise AssertionError("a run reads nothing outside")


@cocotb.test(timeout_time=2000, timeout_unit="ms")
async def bad_checksums(dut) -> None:
    """Any flipped bit of the program or of the weight image is found before it is used."""
    bench = await ready(dut)
    size = len(bench.program.program)
    for bit in [0, 8 * size - 1, *random.sample(range(8 * size), 20)]:
        program = bytearray(bench.program.program)
        program[bit // 8] ^= 1 << bit % 8
        await bench.load({bench.place["program"]: bytes(program)})
        await bench.check_error(isa.ERROR_PROGRAM_CRC, bit // 8 // DESCRIPTOR_BYTES)
    order = list(range(bench.program.count))
    a = random.randrange(bench.program.count - 2)
    order[a], order[a + 1] = order[a + 1], order[a]  # every descriptor is right, their order is not
    p = bench.program.program
    swapped = b"".join(p[i * DESCRIPTOR_BYTES :][:DESCRIPTOR_BYTES] for i in order)
    await bench.load({bench.place["program"]: swapped})
    await bench.check_error(isa.ERROR_PROGRAM_CRC, a)
    await bench.restore()
    await bench.check_good()
    loads = bench.loads()
    flips = [flipped(bench, random.choice(loads)) for _ in range(20)]
    table = bench.find(isa.OP_LOAD, target=isa.TARGET_ROW, coded=0)
    rows = [flipped(bench, (table, bench.descriptors()[table][1])) for _ in range(200)]
    for cause in (isa.ERROR_OVERRUN, isa.ERROR_WEIGHT_CRC):  # of a row table either may come
        flips += random.sample([x for x in rows if x[1] == cause], 4)
    for weights, cause, index in flips:
        await bench.load({bench.place["weights"]: weights})
        await bench.check_error(cause, index)
    await bench.restore()
    await bench.check_good()


@cocotb.test(timeout_time=2000, timeout_unit="ms")
async def windows(dut) -> None:
    """A byte too few in a window stops the run before the access; the lock holds until reset."""
    bench = await ready(dut)
    place, p = bench.place, bench.program
    whole_read = (place["program"], place["result"] - 1)
    whole_write = (place["result"], place["result"] + p.result_bytes - 1)
    for read in (
        (place["program"] + 8, whole_read[1]),
        (whole_read[0], place["image"] + p.image_bytes - 9),
        (whole_read[0], place["image"] - 1),
        (whole_read[0], place["weights"] - 1),
        (whole_read[0], place["weights"] + len(p.weights) - 9),
        (1 << 31, (1 << 32) - 1),
    ):
        await bench.set_windows(read, whole_write)
        await bench.check_error(isa.ERROR_READ_WINDOW, *first_outside(bench, read), image=0)
        assert await bench.untouched()
        await bench.restore()
        await bench.check_good()
    store = bench.find(isa.OP_STORE)
    for write in (
        (whole_write[0] + 8, whole_write[1]),
        (whole_write[0], whole_write[1] - 8),
        (8, 7),
    ):
        await bench.set_windows(whole_read, write)
        await bench.check_error(isa.ERROR_WRITE_WINDOW, store, place["result"], image=0)
        assert await bench.untouched()
        await bench.restore()
        await bench.check_good()
    # Addresses that a load makes up: the end of the address space, and round it.
    index = bench.find(isa.OP_LOAD, from_image=0)
    top = (1 << 32) - place["weights"]  # the sum is 0
    for offset in (0x8000_0000, top - 8, top, top + 8):
        addr = place["weights"] + offset & 0xFFFF_FFFF
        program = bench.patched(index, offset=offset)
        await bench.run_patched(program, isa.ERROR_READ_WINDOW, index, addr)
    await bench.write("RESULT_BASE", 0xFFFF_FFF8)
    await bench.check_error(isa.ERROR_WRITE_WINDOW, store, 0xFFFF_FFF8)
    await bench.restore()
    await bench.write("WINDOW_LOCK", 1)
    for name in ("READ_BASE", "READ_LIMIT", "WRITE_BASE", "WRITE_LIMIT"):
        before = await bench.read(name)
        assert await bench.access(REGISTERS[name].address, 1, before ^ 0xFF00) == SLVERR
        assert await bench.read(name) == before
    await bench.write("WINDOW_LOCK", 0)
    await bench.write("CTRL", SOFT_RESET)
    await bench.cycles(100)
    assert await bench.read("WINDOW_LOCK") == 1
    assert await bench.access(REGISTERS["READ_BASE"].address, 1, 0) == SLVERR
    await bench.begin()
    assert await bench.read("WINDOW_LOCK") == 0
    await bench.check_good()
    # After a reset nothing is allowed.
    await bench.start(0, 20, 1)
    await bench.write("PROGRAM_COUNT", p.count)
    await bench.write("IRQ_ENABLE", 3)
    await bench.check_error(isa.ERROR_READ_WINDOW, addr=0)


CASES = (
    "bad_responses/stalls=0",
    "bad_responses/stalls=50",
    "bad_programs",
    "bad_checksums",
    "windows",
)


@pytest.mark.long
@pytest.mark.parametrize("testcase", CASES)
def test_errors(testcase: str) -> None:
    run_small(__name__, testcase)
