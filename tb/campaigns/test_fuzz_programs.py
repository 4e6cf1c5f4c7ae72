# SPDX-License-Identifier: Apache-2.0
"""The fuzzer makes programs of every kind, and says truly what they are."""

import os
import random
from collections import Counter
from functools import partial

import pytest

from golden.contract.random_network import random_images
from golden.hardware import isa
from golden.hardware.check import check_program
from golden.hardware.compile.program import compile_network
from golden.hardware.configuration import Hardware
from golden.hardware.execute.expected import expectations
from tb.campaigns.fuzz_memory import Memory
from tb.campaigns.fuzz_oracle import certain, certain_stop, result_bytes
from tb.campaigns.fuzz_plan import Layout, draw
from tb.campaigns.fuzz_programs import ALTERATIONS, Draft, hostile_programs
from tb.lib.good_program import good_program
from tb.lib.memory_map import memory_map

SEED = int(os.environ.get("SEED") or random.randrange(1 << 31))


@pytest.fixture
def rng() -> random.Random:
    print(f"SEED={SEED}")  # shown when a test fails
    return random.Random(SEED)


@pytest.mark.parametrize("name", ["2x8", "4x16"])
def test_hostile_programs_reach_every_verdict(name, rng):
    """Those that a check refuses, for every cause, and those that run."""
    hardware = Hardware.named(name)
    _, program = good_program(rng, hardware)
    causes = Counter()
    for hostile in hostile_programs(program, rng.getrandbits(32), 600):
        fault = hostile.fault(hardware)
        causes[fault.cause if fault else isa.ERROR_NONE] += 1
        assert len(hostile.program) % 64 == 0 and str(hostile)
        sealed = isa.sealed(hostile.program) == hostile.program
        assert sealed or "not repaired" in hostile.what[-1]
        assert 0 <= hostile.count <= 0xFFFF
        assert len(hostile.weights) == len(program.weights)
    checked = (isa.ERROR_OPCODE, isa.ERROR_FIELD, isa.ERROR_PROGRAM_CRC, isa.ERROR_NO_END)
    assert all(causes[cause] >= 5 for cause in (*checked, isa.ERROR_OVERRUN)), causes
    assert causes[isa.ERROR_NONE] >= 150, causes


@pytest.mark.parametrize("alteration", ALTERATIONS, ids=lambda m: m.__name__)
def test_every_alteration_changes_something(alteration, rng):
    hardware = Hardware.named("4x16")
    _, program = good_program(rng, hardware)
    changed = 0
    for _ in range(40):
        draft = Draft(rng, hardware, isa.cut(program.program), bytearray(program.weights))
        assert alteration(draft)
        hostile = draft.done()
        changed += (hostile.program, hostile.count, hostile.weights) != (
            program.program, program.count, program.weights,
        )  # fmt: skip
    assert changed >= 10


def test_hostile_programs_repeat():
    hardware = Hardware.named("2x8")
    _, program = good_program(random.Random(5), hardware)
    programs = partial(hostile_programs, program, count=30)
    assert programs(seed=7) == programs(seed=7) != programs(seed=8)


def laid_out(program, *images: bytes) -> Memory:
    """The memory of a run of ``program`` for ``images``."""
    place = memory_map(program)
    end, image, result = place["end"], len(images[0]), program.result_bytes
    at = [end + k * (image + result) for k in range(len(images))]
    data = bytearray(end + len(images) * (image + result))
    for first, content in ((place["weights"], program.weights), *zip(at, images, strict=True)):
        data[first : first + len(content)] = content
    everywhere = 0, len(data) - 1
    return Memory(data, place["program"], place["weights"], at, [x + image for x in at],
                  everywhere, everywhere)  # fmt: skip


def without(program, op: int, **values: int) -> tuple[bytes, int]:
    """``program`` without its first descriptor of this kind, and its length."""
    cut = isa.cut(program.program)
    gone = next(i for i, d in enumerate(cut) if d[0] == op
                and values.items() <= isa.decode(d)[1].items())  # fmt: skip
    return isa.sealed(b"".join(cut[:gone] + cut[gone + 1 :])), len(cut) - 1


@pytest.mark.parametrize("jobs", [1, 3])
def test_oracle_knows_what_a_good_program_does(rng, jobs):
    network, program = good_program(rng, Hardware.named("2x8"), depth=1)
    images = random_images(network.config, jobs, rng.getrandbits(31))
    memory = laid_out(program, *map(program.pack_image, images))
    expected = expectations(program, network, images)
    must = certain(program.hardware, program.program, program.count, memory)
    loads = sum(d[0] == isa.OP_LOAD for d in isa.cut(program.program))
    assert (must.layers, must.loads) == (len(program.layers), loads)
    for (result,), want, place in zip(must.results, expected, memory.results, strict=True):
        assert (result.label, result.logits) == (want.label, list(want.logits))
        assert result.place == place and len(result.stored(7)) == program.result_bytes
        assert result_bytes(len(result.logits)) == program.result_bytes
    assert len(must.rows) == must.layers
    for layer, want in zip(program.layers, expected[-1].layers, strict=True):
        assert must.rows[layer.id] == (want.rows, want.row_adds)
    assert not certain_stop(program.hardware, program.program, program.count, memory)


def test_oracle_knows_every_image_of_a_job(rng):
    """A store each; of stores that overlap it says nothing."""
    hardware = Hardware.named("2x8")
    network, _ = good_program(rng, hardware, depth=1)
    program = compile_network(network, hardware, images=2)
    images = random_images(network.config, 4, rng.getrandbits(31))
    memory = laid_out(program, program.pack_images(images[:2]), program.pack_images(images[2:]))
    must = certain(hardware, program.program, program.count, memory)
    each = result_bytes(network.config.classes)
    for job, want in enumerate(expectations(program, network, images)):
        found = [(r.place, r.label, r.logits) for r in must.results[job]]
        first = memory.results[job]
        assert found == [(first + i * each, c, list(x)) for i, (c, x) in enumerate(want.stored)]
    cut = isa.cut(program.program)
    second = max(i for i, d in enumerate(cut) if d[0] == isa.OP_STORE)
    cut[second] = isa.encode(isa.OP_STORE, "store", logits=network.config.classes, offset=8)
    must = certain(hardware, isa.sealed(b"".join(cut)), program.count, memory)
    assert must.results == [None] * 2 and must.open == "stores that overlap"


def test_oracle_does_not_guess(rng):
    """Parameters that were not loaded: whatever lay there counts. A store less: no result."""
    network, program = good_program(rng, Hardware.named("2x8"), depth=1)
    images = random_images(network.config, 1, rng.getrandbits(31))
    memory = laid_out(program, program.pack_image(images[0]))
    for gone in ({"op": isa.OP_LOAD, "target": isa.TARGET_PARAM}, {"op": isa.OP_STORE}):
        must = certain(program.hardware, *without(program, **gone), memory)
        assert must.results == [None]


def test_oracle_stops_at_what_is_not_defined(rng):
    """Tokens that write the same words: the layers before count, those behind do not."""
    network, program = good_program(rng, Hardware.named("2x8"), depth=1, height=6, pooled_stages=())
    images = random_images(network.config, 1, rng.getrandbits(31))
    memory = laid_out(program, program.pack_image(images[0]))
    cut = isa.cut(program.program)
    index = [i for i, d in enumerate(cut) if d[0] == isa.OP_LAYER][2]
    draft = Draft(rng, program.hardware, cut, bytearray(program.weights))
    draft.set(index, "out_lines", 1)
    draft.set(index, "out_first", 0)
    draft.set(index, "out_base", isa.decode(cut[index])[1]["in_base"])
    must = certain(program.hardware, draft.done().program, program.count, memory)
    assert must.results == [None] and "share words that are read" in must.open
    assert [*must.rows] == [layer.id for layer in program.layers[:2]]


@pytest.mark.parametrize("what", ["data", "read", "write"])
def test_oracle_knows_what_must_stop(rng, what):
    """Data with a wrong CRC, and windows that end in the middle."""
    _, program = good_program(rng, Hardware.named("2x8"), depth=1)
    memory = laid_out(program, bytes(program.image_bytes))
    if what == "data":
        memory.data[memory.weights + rng.randrange(len(program.weights))] ^= 1 << rng.randrange(8)
    elif what == "read":
        memory.read = 0, memory.weights + rng.randrange(len(program.weights) - 8)
    else:
        memory.write = memory.results[0] + 8, len(memory.data) - 1
    why = certain_stop(program.hardware, program.program, program.count, memory)
    assert ("wrong CRC" if what == "data" else "beyond the window") in why


@pytest.mark.parametrize("addr_width", [32, 64])
def test_plans_say_what_they_do(rng, addr_width):
    """Every kind of place, window and disturbance; offsets that are shifted mean the same."""
    _, program = good_program(rng, Hardware.named("2x8"), depth=1)
    layout = Layout.behind(memory_map(program), program.image_bytes, program.result_bytes)
    seen = Counter()
    for _ in range(400):
        plan = draw(rng, layout, 4, 3000, addr_width)
        memory = plan.memory(layout, bytearray(layout.end), addr_width)
        size = 1 << addr_width if plan.jobs is None else 1 << min(addr_width, 63)
        assert 0 <= plan.origin <= size - layout.end
        seen.update((*plan.what, plan.stop, plan.watchdog, "shift" if plan.shift else "", plan.bad))
        moved = [isa.decode(d) for d in isa.cut(plan.relocated(program.program, seal=True))]
        for (op, f), (_, was) in zip(moved, map(isa.decode, isa.cut(program.program)), strict=True):
            if op == isa.OP_LOAD and not f["from_image"]:
                assert memory.place(memory.weights, f["offset"]) == layout.weights + was["offset"]
    for kind in ("memory low", "memory top", "memory anywhere", "windows tight", "windows loose",
                 "windows cut read", "windows cut write", "register writes", "an abort", "none",
                 "a soft reset", "windows closed", "shift", (0, "image"),
                 (0, "result")):  # fmt: skip
        assert seen[kind], kind


def test_good_programs_are_good(rng):
    for name in ("2x8", "4x16", "4x32"):
        network, program = good_program(rng, Hardware.named(name), depth=1)
        assert network.config.depth == 1
        check_program(program.hardware, program.program, program.count, program.weights)


def test_oracle_sees_a_load_that_meets_a_layer():
    """Both extremes agree when the layer writes over the load, or the load comes too late to be
    read; between them it may be read."""
    rng = random.Random(1)
    network, program = good_program(rng, Hardware.named("2x8"), depth=1)
    memory = laid_out(program, program.pack_image(random_images(network.config, 1, 1)[0]))
    cut = isa.cut(program.program)
    first, second, *_ = (i for i, d in enumerate(cut) if d[0] == isa.OP_LAYER)
    line = isa.decode(cut[first])[1]["out_base"]
    cut.insert(second, isa.encode(isa.OP_LOAD, "late", target=isa.TARGET_SPIKE, records=1,
                                  unit_words=1, dest=line))  # fmt: skip
    must = certain(program.hardware, isa.sealed(b"".join(cut)), len(cut), memory)
    assert must.results == [None] and must.open == "a load and a layer share words"
    assert not must.rows
