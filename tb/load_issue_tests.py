# SPDX-License-Identifier: Apache-2.0
"""Address and length of the read of a load, and the fields of its unpack command."""

import json
import os
import random

import cocotb
from cocotb.triggers import RisingEdge

from tb.lib import reset
from tb.lib.load import LOGIT, PARAM, ROW, SPIKE, WEIGHT
from tb.lib.stream import STALLS, Sink, Source

SIZES = json.loads(os.environ["PARAMETERS"])
# psf_pkg::load_t, most significant member first
MEMBERS = {
    "wait_layers": 16, "from_image": 1, "target": 4, "unit_words": 8, "dest": 16, "records": 24,
    "offset": 32,
}  # fmt: skip


def beats_of(target: int, records: int, unit_words: int) -> int:
    """The length of a load in beats, from the table in docs/architecture.md."""
    bits = {
        WEIGHT: 64 * SIZES["WeightBeats"] * records,
        PARAM: 64 * SIZES["ParamBeats"] * records,
        ROW: 32 * records,
        LOGIT: 32 * records,
        SPIKE: SIZES["Lanes"] * unit_words * records,
    }[target]
    return -(-bits // 64)


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS)
async def random_loads(dut, stall: float) -> None:
    clk, reads, unpacks = dut.clk_i, [], []
    weight_base, image_base = (random.getrandbits(20) for _ in range(2))
    dut.weight_base_i.value, dut.image_base_i.value = weight_base, image_base
    fields = {"load": dut.load_i, "index": dut.load_index_i}
    source = Source(dut, dut.load_valid_i, dut.load_ready_o, fields, stall)
    read = Sink(dut, dut.read_valid_o, dut.read_ready_i,
                {"addr": dut.read_addr_o, "beats": dut.read_beats_o}, stall)  # fmt: skip
    unpack = Sink(dut, dut.unpack_valid_o, dut.unpack_ready_i, {
        name: getattr(dut, f"unpack_{name}_o")
        for name in ("target", "words", "dest", "records", "index")
    }, stall)  # fmt: skip
    await reset.start(dut)
    for i in range(60):
        target, unit_words = (
            random.randrange(5),
            random.choice((0, 1, 8, 255, random.getrandbits(8))),
        )
        records = random.choice((0, 1, 2, 3, random.getrandbits(12), random.getrandbits(21)))
        if i == 0:
            target, unit_words, records = SPIKE, 255, (1 << 21) - 1
        beats = beats_of(target, records, unit_words)
        values = {
            "wait_layers": random.getrandbits(16), "from_image": random.getrandbits(1),
            "target": target, "unit_words": unit_words, "dest": random.getrandbits(16),
            "records": records, "offset": random.getrandbits(20) << 3,
        }  # fmt: skip
        vector = 0
        for name, width in MEMBERS.items():
            vector = vector << width | values[name]
        source.send(load=vector, index=i)
        base = image_base if values["from_image"] else weight_base
        if beats:
            reads.append({"addr": base + (values["offset"] >> 3), "beats": beats})
        unpacks.append({"target": target, "words": unit_words, "dest": values["dest"],
                        "records": records, "index": i})  # fmt: skip
    while len(unpack.items) < len(unpacks) or len(read.items) < len(reads):
        await RisingEdge(clk)
    for _ in range(20):
        await RisingEdge(clk)
    assert unpack.items == unpacks and read.items == reads, f"seed {cocotb.RANDOM_SEED}"
    assert source.idle()
