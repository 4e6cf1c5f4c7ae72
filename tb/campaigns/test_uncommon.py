# SPDX-License-Identifier: Apache-2.0
"""Layers that no compiler makes but the reference defines: RTL and emulator do the same.

Each was once a difference between the two, or a place where the fuzzer did not look.
"""

from collections.abc import Iterator

import cocotb
import pytest

from golden.hardware import isa
from golden.hardware.check import load_bytes, target_depth
from tb.campaigns.fuzz_oracle import certain
from tb.campaigns.watched import Watched
from tb.lib.inference import Inference, ready
from tb.lib.registers import DONE, START
from tb.system.run import run_small


def uncommon(bench: Inference) -> Iterator[tuple[str, bytes]]:
    """Programs with one layer, or some, that no compiler makes, all of which end well."""
    residual = bench.find(isa.OP_LAYER, mode=isa.MODE_RESIDUAL, first=0)
    for step in (3, 32, 255):
        yield f"residual words {step} apart", bench.patched(residual, out_step=step)
    yield "residual words further on", bench.patched(residual, out_first=40, stream_stride=200)
    for values in (dict(first=1), dict(merge=1, window=0), dict(repeat_drain=1, window=0)):
        yield f"residual {values}", bench.patched(residual, **values)
    spike = bench.find(isa.OP_LAYER, mode=isa.MODE_SPIKE, pool=0, repeat_drain=0, window=0)
    for values in (dict(merge=1), dict(repeat_drain=1), dict(merge=1, repeat_drain=1)):
        yield f"spike {values}", bench.patched(spike, **values)
    head = bench.find(isa.OP_LAYER, mode=isa.MODE_HEAD)
    for values in (dict(repeat_drain=1), dict(repeat_drain=1, steps=5, out_step=3)):
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


@cocotb.test(timeout_time=2000, timeout_unit="ms")
async def uncommon_layers(dut) -> None:
    """Counters, result and the memory around it."""
    bench = await ready(dut)
    program = filler(bench)
    assert len(program) <= bench.place["weights"] - bench.place["program"], "no room"
    blank = bytes(len(bench.program.weights))
    await bench.load({bench.place["program"]: program, bench.place["weights"]: blank})
    await bench.write("PROGRAM_COUNT", len(isa.cut(program)))
    outcome = await bench.run(20 * bench.limit)
    assert outcome.status == DONE, f"filler: {outcome}"
    await bench.restore()
    watched = await Watched.of(bench)
    results = 0
    for what, program in uncommon(bench):
        place = bench.place
        await watched.load({place["program"]: program, place["result"]: bench.blank})
        await bench.write("CTRL", START)
        await bench.until_interrupt(20 * bench.limit)
        outcome = await bench.outcome()
        await bench.acknowledge()
        assert outcome.status == DONE, f"{what}: {outcome}"
        must = certain(bench.hardware, program, bench.program.count, watched.memory)
        assert len(must.rows) > 5, f"{what}: the model knows {must}"
        wrong, compared = await watched.wrong(program, bench.program.count)
        assert not wrong, f"{what}: {wrong}"
        results += compared
    assert results > 5
    await bench.restore()
    await bench.check_good()


@pytest.mark.long
def test_uncommon_layers() -> None:
    run_small(__name__, "uncommon_layers")
