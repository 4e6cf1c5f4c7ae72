# SPDX-License-Identifier: Apache-2.0
"""Layers that no compiler makes but the reference defines: RTL and emulator do the same.

Each was once a difference between the two, or a place where the fuzzer did not look.
"""

from collections.abc import Iterator

import cocotb
import pytest

from golden.hardware import isa
from golden.hardware.check import load_bytes, target_depth
from golden.hardware.configuration import Hardware
from tb.campaigns.fuzz_oracle import Model, certain
from tb.campaigns.watched import Watched
from tb.lib.inference import Inference, ready
from tb.lib.registers import DONE
from tb.system.run import run_small


def uncommon(bench: Inference) -> Iterator[tuple[str, bytes]]:
    """Programs with one layer, or some, that no compiler makes, all of which end well."""
    residual = bench.find(isa.OP_LAYER, mode=isa.MODE_RESIDUAL, first=0)
    for step in (3, 32, 255):
        fields = bench.descriptors()[residual][1]
        stride = (fields["steps"] - 1) * step + fields["out_words"]
        program = bench.patched(residual, out_step=step, stream_stride=stride)
        yield f"residual words {step} apart", program
    yield "residual words further on", bench.patched(residual, out_first=40, stream_stride=200)
    shifts = (dict(shift=4), dict(shift=7))
    for values in (*shifts, dict(first=1), dict(merge=1, window=0), dict(repeat_drain=1, window=0)):
        yield f"residual {values}", bench.patched(residual, **values)
    spike = bench.find(isa.OP_LAYER, mode=isa.MODE_SPIKE, pool=0, repeat_drain=0, window=0)
    charges = (dict(charge=1), dict(charge=3), dict(charge=14))
    for values in (*charges, dict(merge=1), dict(repeat_drain=1), dict(merge=1, repeat_drain=1)):
        yield f"spike {values}", bench.patched(spike, **values)
    counts = bench.find(isa.OP_LAYER, mode=isa.MODE_KEY_VALUE)  # has no loads: waits for a layer
    for loads in (0, 1, 3):
        yield f"key-value that waits for {loads} loads", bench.patched(counts, wait_loads=loads)
    head = bench.find(isa.OP_LAYER, mode=isa.MODE_HEAD)
    classes = (dict(tokens=1), dict(tokens=3))
    for values in (*classes, dict(repeat_drain=1), dict(repeat_drain=1, steps=5, out_step=3)):
        yield f"head {values}", bench.patched(head, **values)


def filler(bench: Inference) -> bytes:
    """Loads zeros into every memory, and puts them into the residual stream: no word is garbage."""
    h, room, out = bench.hardware, len(bench.program.weights), []
    for target in range(isa.TARGET_MASK + 1):
        each = h.banks if target in (isa.TARGET_WEIGHT, isa.TARGET_ROW) else 1  # records an address
        fields = dict(target=target, unit_words=h.line_words, records=2 * each)
        fields |= dict(coded=int(target == isa.TARGET_ROW), index_bits=0)  # no raw row is empty
        depth, step = target_depth(h, target), room // load_bytes(h, fields) * 2
        for dest in range(0, depth, step):
            fields |= dict(records=min(step, depth - dest) * each, dest=dest)
            out.append(isa.encode(isa.OP_LOAD, "filler", **fields))
    words = h.acc_depth
    out.append(isa.encode(
        isa.OP_LAYER, "filler", mode=isa.MODE_RESIDUAL, first=1, wait_loads=len(out),
        width=h.groups, height=1, in_lines=1, in_words=1, steps=h.stream_depth // words,
        out_words=words, out_step=words, out_lines=h.stream_depth // h.line_words, row_cost=1,
        in_base=h.spike_lines - h.groups,
    ))  # fmt: skip
    return isa.sealed(b"".join([*out, isa.encode(isa.OP_END, "end")]))


class Filled(Model):
    """The model with what ``filler`` leaves."""

    def __init__(self, hardware: Hardware):
        super().__init__(hardware, 0)
        for memory in (self.spike, self.weight, self.param, self.stream, self.logit, self.mask):
            memory[:] = 0
        self.row[:] = 1 << 16  # a row without weights


@cocotb.test(timeout_time=2000, timeout_unit="ms")
async def uncommon_layers(dut) -> None:
    """Every counter, the result and the memory around it."""
    bench = await ready(dut)
    place, hardware = bench.place, bench.hardware
    first = filler(bench)
    assert len(first) <= place["weights"] - place["program"], "no room"
    for what, program in [("the program", bench.program.program), *uncommon(bench)]:
        blank = bytes(len(bench.program.weights))
        await bench.load({place["program"]: first, place["weights"]: blank})
        await bench.write("PROGRAM_COUNT", len(isa.cut(first)))
        outcome = await bench.run(20 * bench.limit)
        assert outcome.status == DONE, f"filler: {outcome}"
        await bench.restore()
        await bench.load({place["program"]: program, place["result"]: bench.blank})
        watched = await Watched.of(bench)
        outcome = await bench.run(20 * bench.limit)
        assert outcome.status == DONE, f"{what}: {outcome}"
        models = [Filled(hardware) for _ in range(2)]
        must = certain(hardware, program, bench.program.count, watched.memory(), models)
        assert must.results[0] and len(must.rows) == must.layers, f"{what}: {must.open}"
        wrong, compared = await watched.wrong(must, [])
        assert not wrong and compared == 1, f"{what}: {wrong}"
    await bench.restore()
    await bench.check_good()


@pytest.mark.long
def test_uncommon_layers() -> None:
    run_small(__name__, "uncommon_layers")
