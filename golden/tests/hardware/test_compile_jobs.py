# SPDX-License-Identifier: Apache-2.0
"""Several jobs in a row: loads that overtake the job before, and must not do so too early."""

from dataclasses import replace

import numpy as np
import pytest

from golden.contract import paths
from golden.contract.model import forward
from golden.contract.network import NetworkConfig, QuantNetwork
from golden.contract.random_network import random_images, random_network
from golden.hardware import isa
from golden.hardware.check import addresses
from golden.hardware.compile.program import compile_network
from golden.hardware.configuration import Hardware
from golden.hardware.execute.emulator import Emulator
from golden.hardware.sequence import POLICIES, descriptors, job_order, prove_progress

CONFIG = NetworkConfig(
    depth=3, dim=32, heads=4, timesteps=2, height=8, width=8, mlp_ratio=2, classes=10
)
SMALL = dict(row_depth=42, param_depth=6, spike_lines=160)
CHECKPOINTS = paths.GOLDEN / "checkpoints"


@pytest.fixture(scope="module")
def network():
    return random_network(CONFIG, 1)


@pytest.fixture(scope="module", params=["large", "small"])
def compiled(request, network):
    """With memories for everything at once, and with memories that are reused all the time."""
    program = compile_network(network, Hardware.named("4x16"))
    if request.param == "small":
        words = max(c.packed.words for c in program.layers if c.packed) + 4
        program = compile_network(network, replace(program.hardware, bank_depth=words, **SMALL))
    return program


def answers_are_right(program, network, images, policy, binary=None) -> list[bool]:
    """Per image: did a ring of jobs give the logits of the integer model?"""
    packed = [program.pack_image(image) for image in images]
    emulator = Emulator(program.hardware, 3)
    got = emulator.run_jobs(binary or program.program, program.weights, packed, policy)
    want = forward(network, images).logits
    return [bool((a.logits == b).all()) for a, b in zip(got, want, strict=True)]


@pytest.mark.parametrize("policy", POLICIES)
def test_a_ring_of_jobs(compiled, network, policy):
    images = random_images(CONFIG, 4, 2)
    assert answers_are_right(compiled, network, images, policy) == [True] * 4


def test_wait_previous_by_its_definition(compiled):
    """1 + the last item of the program that touches the destination, found field by field."""
    hardware, listing = compiled.hardware, descriptors(compiled.program)
    layers = [f for op, f in listing if op == isa.OP_LAYER]
    users = {target: [] for target in range(6)}  # (first address, end, item)
    for i, f in enumerate(layers):
        compiled_layer = compiled.layers[i]
        source, target = compiled_layer.layer.source, compiled_layer.layer.target
        lines = source.tokens * f["in_lines"]
        users[isa.TARGET_SPIKE].append((f["in_base"], f["in_base"] + lines, i))
        if target:
            end = f["out_base"] + target.tokens * f["out_lines"]
            users[isa.TARGET_SPIKE].append((f["out_base"], end, i))
            users[isa.TARGET_PARAM].append((f["param_base"], f["param_base"] + f["out_words"], i))
        if f["mode"] == isa.MODE_KEY_VALUE:
            dump = (f["dump_base"], f["dump_base"] + source.steps * f["dump_step"])
            users[isa.TARGET_WEIGHT] += [(*dump, i), (*dump, i + 1)]
        else:
            rows = compiled_layer.packed.entries if compiled_layer.packed else None
            entries = len(rows) if rows is not None else source.steps * f["step_rows"]
            users[isa.TARGET_ROW].append((f["row_base"], f["row_base"] + entries, i))
        masks = (9 if f["kernel3"] else 1) * f["mask_lines"]
        users[isa.TARGET_MASK].append((f["mask_base"], f["mask_base"] + masks, i))
    group = []  # the weights of a layer are those that its own load brings
    for op, f in listing:
        if op == isa.OP_LOAD and f["target"] == isa.TARGET_WEIGHT:
            group.append((f["dest"], f["dest"] + addresses(hardware, f)))
        elif op == isa.OP_LAYER:
            users[isa.TARGET_WEIGHT] += [(*place, f["id"]) for place in group]
            group = []
    users[isa.TARGET_LOGIT] = [(0, 128, len(layers))]
    for op, f in listing:
        if op != isa.OP_LOAD:
            continue
        if f["wait_items"]:
            assert f["wait_previous"] == 0
            continue
        end = f["dest"] + addresses(hardware, f)
        last = max(i for a, b, i in users[f["target"]] if a < end and f["dest"] < b)
        assert f["wait_previous"] == 1 + last


def with_waits(program, change) -> bytes:
    """The program with ``wait_previous`` of its loads changed: fields -> value."""
    out = []
    for descriptor in isa.cut(program.program):
        op, fields = isa.decode(descriptor)
        if op == isa.OP_LOAD:
            descriptor = isa.encode(op, "x", **(fields | dict(wait_previous=change(fields))))
        out.append(descriptor)
    return isa.sealed(b"".join(out))


@pytest.mark.parametrize(
    "target",
    [isa.TARGET_WEIGHT, isa.TARGET_ROW, isa.TARGET_PARAM, isa.TARGET_SPIKE, isa.TARGET_LOGIT],
)
def test_waiting_for_one_item_less_is_too_little(network, target):
    """The other loads do not wait at all where that can do no harm: in front of this one."""
    hardware = Hardware.named("4x16")
    words = max(c.packed.words for c in compile_network(network, hardware).layers if c.packed) + 4
    if target == isa.TARGET_WEIGHT:
        hardware = replace(hardware, bank_depth=words)
    elif target == isa.TARGET_ROW:
        hardware = replace(hardware, row_depth=SMALL["row_depth"])
    elif target == isa.TARGET_PARAM:
        hardware = replace(hardware, param_depth=SMALL["param_depth"])
    program = compile_network(network, hardware)
    images = random_images(CONFIG, 3, 2)
    assert answers_are_right(program, network, images, "eager") == [True] * 3
    early = with_waits(program, lambda f: max(f["wait_previous"] - (f["target"] == target), 0))
    right = answers_are_right(program, network, images, "eager", early)
    assert not all(right), "nothing notices a load that comes one item too early"


def test_overlap_of_the_default_network():
    """The first loads of a job come while the layers of the job before still run."""
    network = QuantNetwork.load(CHECKPOINTS / "balanced.safetensors")
    for name in ("2x8", "4x16", "4x32"):
        program = compile_network(network, Hardware.named(name))
        layers, done, started = len(program.layers), [0, 0], []
        for job, kind, _, fields in job_order(program.program, 2):
            if kind != "load":
                done[job] += 1
            elif job == 1:
                started.append((done[0], done[1], fields))
        first = [f for _, _, f in started if f["target"] == isa.TARGET_SPIKE]
        assert len(first) == 1 and first[0]["wait_previous"] <= 3
        # Nothing but what they wait for keeps them from coming earlier: the ring has room.
        assert started[0][0] == started[0][2]["wait_previous"] == 1
        assert sum(d[1] == 0 and d[0] < layers for d in started) >= 16
        waits = [f["wait_previous"] for _, _, f in started]
        assert waits[-1] == layers + 1 == max(waits)  # the logits, behind all others
        assert started[-1][2]["target"] == isa.TARGET_LOGIT


def test_deadlocks_are_found(compiled):
    """A load in front of the image that waits for a layer of its own job."""
    cut = isa.cut(compiled.program)
    for i, wrong in ((0, dict(wait_items=1)), (-3, dict(wait_loads=1000))):
        op, fields = isa.decode(cut[i])
        broken = list(cut)
        broken[i] = isa.encode(op, "x", **(fields | wrong))
        with pytest.raises(RuntimeError, match="deadlock in job 0"):
            prove_progress(isa.sealed(b"".join(broken)))


@pytest.mark.parametrize("policy", POLICIES)
def test_order_of_several_jobs(compiled, policy):
    """Both streams stay in order, no job's layer comes before the store of the one before."""
    listing = descriptors(compiled.program)
    order = list(job_order(compiled.program, 3, policy))
    for stream in (("load",), ("layer", "store")):
        items = [(job, index) for job, kind, index, _ in order if kind in stream]
        wanted = [isa.OP_LOAD] if "load" in stream else [isa.OP_LAYER, isa.OP_STORE]
        indices = [i for i, (op, _) in enumerate(listing) if op in wanted]
        assert items == [(job, i) for job in range(3) for i in indices]
    early = np.array([job for job, *_ in order])
    assert (np.diff(early) < 0).any() == (policy != "lazy")
