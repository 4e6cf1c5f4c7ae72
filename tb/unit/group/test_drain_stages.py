# SPDX-License-Identifier: Apache-2.0
"""The stages of the drain, word by word, against Python integers and golden lif_step.

Every layer has at most one kind of fault; parity_o and overrun_o must pulse once for each word with
it, for parameters once a window. Nothing may be said about what a word does not use: parameters in
head and key-value layers, the residual word of a first layer, the membrane at a first step.
"""

import random

import cocotb
import pytest

from tb.lib import layer
from tb.lib.bench import HIDDEN
from tb.lib.stream import STALLS
from tb.run.runner import run
from tb.unit.group.drain_stages_bench import MODES, DrainStagesBench


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS, slow=STALLS)
async def layers(dut, stall: float, slow: float) -> None:
    """Layers of all modes in turn, nothing wrong with what they use, random errors elsewhere."""
    bench = await DrainStagesBench(dut).begun()
    for mode in random.sample(MODES, 4):
        await bench.load()
        unused = mode in (layer.MODE_KEY_VALUE, layer.MODE_HEAD)
        f = bench.layer(mode, **{"param_base": random.getrandbits(16)} if unused else {})
        words = bench.windows(f, bench.indices(f, 12))
        for w in words:
            w.stream_bad = random.getrandbits(1) if mode != layer.MODE_RESIDUAL or f["first"] else 0
        took = await bench.run(f, words, stall, slow)
        if not stall and not (unused and slow):
            bench.equal("cycles", took, 2 * len(words) + 1 if unused else len(words) + 5)
        bench.equal("faults", bench.faults(), (0, 0))
    bench.check(bench.fired, "no spike at all")


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(mode=(layer.MODE_SPIKE, layer.MODE_RESIDUAL))
async def wrong_parameters(dut, mode: int) -> None:
    """A flipped bit of a parameter word is reported once for every window that uses it."""
    bench = await DrainStagesBench(dut).begun()
    for first in (0, 1):
        await bench.load(wrong=5)
        f = bench.layer(mode, param_base=random.randrange(4), first=first)
        words = bench.windows(f, bench.indices(f, 40))
        wrong = sum(w.first and f["param_base"] + w.index in bench.bad for w in words)
        await bench.run(f, words, 0.3, 0.0)
        bench.equal("faults", bench.faults(), (wrong, 0))
    for unused in (layer.MODE_HEAD, layer.MODE_KEY_VALUE):
        f = bench.layer(unused)
        await bench.run(f, [bench.word(f, i) for i in bench.indices(f, 20)], 0.3, 0.3)
        bench.equal("faults", bench.faults(), (0, 0))


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(first=(0, 1))
async def wrong_residuals(dut, first: int) -> None:
    """A residual word that fails its parity counts only where the stream goes on."""
    bench = await DrainStagesBench(dut).begun()
    await bench.load()
    f = bench.layer(layer.MODE_RESIDUAL, first=first)
    words = [bench.word(f, i) for i in bench.indices(f, 60)]
    for w in words:
        w.stream_bad = random.getrandbits(1)
    wrong = 0 if first else sum(w.stream_bad for w in words)
    await bench.run(f, words, 0.2, 0.0)
    bench.equal("faults", bench.faults(), (wrong, 0))


@cocotb.test(timeout_time=2, timeout_unit="ms", skip=HIDDEN)
async def wrong_membranes(dut) -> None:
    """One flipped membrane bit in any lane is reported when it is used, not at a first step."""
    bench = await DrainStagesBench(dut).begun()
    await bench.load()
    for lane in range(bench.lanes):
        for first in (1, 0):
            f = bench.layer(layer.MODE_SPIKE, param_base=0)
            words = [bench.word(f, 3, 1), bench.word(f, 3, 0), bench.word(f, 4, 1)]
            after = bench.word(f, 3, first)
            await bench.run(f, words, 0.0, 0.0)
            entry = dut.u_neurons.u_membranes.u_parity.mem[3]
            entry.value = int(entry.value) ^ 1 << lane  # the value is right, the parity is not
            await bench.settle()
            await bench.run(f, [after], 0.0, 0.0)
            bench.equal(f"faults, lane {lane}", bench.faults(), (1 - first, 0))


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def beyond_the_memories(dut) -> None:
    """The last address and the next of every memory, and sums of more than 16 bits."""
    bench = await DrainStagesBench(dut).begun()
    await bench.load()
    hw = bench.hw
    residual = {"mode": layer.MODE_RESIDUAL, "first": 0}
    head, spike = {"mode": layer.MODE_HEAD}, {"mode": layer.MODE_SPIKE}
    key_value = {"mode": layer.MODE_KEY_VALUE, "head_words": 2}
    top = hw["AccDepth"] - 1
    plain = {"stream": 0, "dump": 0, "block": 0}
    for fixed, index, token, number, overruns in (
        *((head, 0, {}, n, n >= bench.logits) for n in (bench.logits - 1, bench.logits, 65535)),
        (residual, 0, {"stream": hw["StreamDepth"] - 1}, 0, 0),
        (residual, 0, {"stream": hw["StreamDepth"] - 1}, 1, 1),
        (residual, 0, {"stream": 65535}, 65535, 1),
        (residual, 0, {"stream": 65535}, 1, 1),
        (residual, 0, {"stream": 65536}, 0, 1),
        (residual, 0, {"stream": 131071}, 65535, 1),
        (spike, 0, {"stream": 65536}, 0, 0),
        (key_value, 1, {"dump": hw["BankDepth"] - 2}, 0, 0),
        (key_value, 1, {"dump": hw["BankDepth"] - 1}, 0, 1),
        (key_value, 0, {"dump": 65535}, 0, 1),
        (key_value, 2 * hw["Banks"] + 1, {"dump": 65536 - 3}, 0, 1),
        (key_value, 0, {"dump": 65536}, 0, 1),
        (key_value, 1, {"dump": 131071}, 0, 1),
        (key_value, 1, {"block": top - 1}, 0, 0),
        (key_value, 1, {"block": top}, 0, 1),
        (key_value, 1, {"block": 255}, 0, 1),
        (key_value, 1, {"block": 256}, 0, 1),
        (key_value, 0, {"block": 511}, 0, 1),
    ):
        f = layer.random_fields(**{"param_base": 0, "charge": bench.charge()} | fixed)
        words = [bench.word(f, index, **plain | token) for _ in range(2)]
        for w in words:
            w.word = number
            w.beyond = bool(overruns)
        await bench.run(f, words, 0.0, 0.5)
        what = f"faults, {fixed} {index} {token} {number}"
        bench.equal(what, bench.faults(), (0, 2 * overruns))
    # Parameters: what such a word hands out is anybody's guess.
    last = hw["ParamDepth"] - 1
    for base, index, overruns in ((last, 0, 0), (last, 1, 1), *((65535, i, 1) for i in (0, 1, 31))):
        for fixed, uses in ((spike, 1), (residual, 1), (head, 0), (key_value, 0)):
            f = layer.pack_layer(layer.random_fields(**fixed | {"param_base": base}))
            bench.set(layer_i=f, head_ready_i=1, dump_ready_i=1, index_i=index)
            bench.set(word_i=0, read_i=1, first_i=1, first_step_i=1, stream_error_i=0)
            bench.put_struct("token_i", "token_t", stream=0, dump=0, block=0)
            for _ in range(8):
                await bench.tick()
                bench.set(read_i=0)
                bench.count()
            bench.equal(f"faults, {base} {index} {fixed}", bench.faults(), (0, uses * overruns))
    # One word right behind the other: each is reported on its own.
    f = layer.pack_layer(layer.random_fields(**spike | {"param_base": last}))
    bench.set(layer_i=f)
    for indices in ((1, 0), (0, 1), (1, 0, 0, 1, 1, 0)):
        for index in (*indices, *[None] * 8):
            read = int(index is not None)
            bench.set(index_i=index or 0, read_i=read, first_i=read, first_step_i=read)
            await bench.tick()
            bench.count()
        bench.equal(f"faults, {indices}", bench.faults(), (0, sum(indices)))


CASES = [
    {
        "Groups": 2, "Lanes": 8, "Banks": 4, "AccDepth": 32, "AccWidth": 20, "StreamWidth": 16,
        "BankDepth": 64, "ParamDepth": 32, "StreamDepth": 128, "PatchLines": 64, "Classes": 128,
    },
    {
        "Groups": 4, "Lanes": 4, "Banks": 2, "AccDepth": 48, "AccWidth": 16, "StreamWidth": 12,
        "BankDepth": 100, "ParamDepth": 20, "StreamDepth": 50, "PatchLines": 1024, "Classes": 1024,
    },
]  # fmt: skip


@pytest.mark.parametrize("parameters", CASES, ids=lambda p: f"{p['Groups']}x{p['Lanes']}")
def test_drain_stages(parameters: dict[str, int]) -> None:
    run("psf_drain_stages", __name__, parameters)
