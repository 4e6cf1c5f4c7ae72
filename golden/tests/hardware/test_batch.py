# SPDX-License-Identifier: Apache-2.0
"""Programs for several images at a time give the integer model's spikes of each of them."""

from dataclasses import replace

import numpy as np
import pytest

from golden.contract.errors import UserError
from golden.contract.random_network import random_images, random_network
from golden.hardware import isa
from golden.hardware.compile import batch
from golden.hardware.compile import program as compiler
from golden.hardware.compile.lowering import lower
from golden.hardware.compile.program import compile_network
from golden.hardware.compile.traffic import traffic
from golden.hardware.configuration import Hardware
from golden.hardware.cycles import cycles
from golden.hardware.execute.expected import expectations
from golden.hardware.sequence import POLICIES, descriptors
from golden.tests.hardware.test_compile import EVENTS, compare, config

pytestmark = pytest.mark.smoke

ROOMY = "4x16,stream_depth=2048,spike_lines=8192"
# hardware, network, images of a job
CASES = {
    "two": ("2x8", config(), 2),
    "three, odd, pools": (
        "4x16", config(dim=32, heads=4, height=15, width=13, pooled_stages=(2, 3)), 3),
    "odd pooled rows": (ROOMY, config(height=11, width=7, pooled_stages=(1, 2, 4)), 5),
    "colours, d=2P": ("2x8,stream_depth=4096", config(dim=32, in_channels=3, timesteps=3), 4),
    "many classes": (ROOMY, config(classes=101, depth=2), 3),
    "encoder with a charge": (
        ROOMY, config(encoder_channels=20, timesteps=3, height=7, width=9), 3),
    "frames": (ROOMY, config(dim=32, in_channels=2, timesteps=4, **EVENTS), 2),
    "head on the stream": ("2x8", config(head="avgpool_fc", height=6, width=5), 3),
    "head on the stream, wider": (
        ROOMY, config(head="fc_avgpool", dim=32, heads=4, depth=2, height=9, width=10), 4),
    "T = 1": ("4x32,stream_depth=4096", config(timesteps=1, height=5, width=6), 16),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_networks(case):
    name, shape, count = CASES[case]
    network = random_network(shape, len(case), lanes=Hardware.named(name).lanes)
    program = compile_network(network, Hardware.named(name), images=count)
    assert program.images == count
    images = random_images(shape, count + 1, 5)  # the last job is not full
    compare(program, network, images)
    (one,) = cycles(program, network, images[:count])
    assert one.layers.keys() == {c.name for c in program.layers}
    alone = cycles(compile_network(network, Hardware.named(name)), network, images[:count])
    assert one.useful == sum(x.useful for x in alone)


@pytest.mark.parametrize("apart", range(5))
def test_every_cut(apart, monkeypatch):
    """However many of the first layers run for an image on its own."""
    shape = config(height=9, width=6, pooled_stages=(1, 3))
    network, hardware = random_network(shape, 4), Hardware.named(ROOMY)
    most = batch.most_apart(lower(network, hardware))
    assert most == 4
    together = batch.batched
    monkeypatch.setattr(batch, "most_apart", lambda layers: 0)
    monkeypatch.setattr(
        batch, "batched", lambda layers, images, _, h: together(layers, images, apart, h)
    )
    program = compile_network(network, hardware, images=3)
    own = [c.name for c in program.layers if c.name.startswith("tokenizer.0")]
    assert len(own) == (3 if apart else 1)
    compare(program, network, random_images(shape, 4, apart))


@pytest.mark.parametrize("policy", POLICIES)
def test_jobs_one_after_the_other(policy):
    """Loads of the next job, and the logits of the next image, wait for what they overwrite."""
    shape = config(height=6, width=5)
    network = random_network(shape, 5)
    program = compile_network(network, Hardware.named("2x8"), images=2)
    compare(program, network, random_images(shape, 6, 6), policy)


def test_stores_follow_each_other():
    shape = config(classes=7)
    program = compile_network(random_network(shape, 1), Hardware.named("2x8"), images=2)
    found = descriptors(program.program)
    stores = [f["offset"] for op, f in found if op == isa.OP_STORE]
    assert stores == [0, 8 + 8 * 4] and program.result_bytes == 2 * 40
    logits = [f for op, f in found if op == isa.OP_LOAD and f["target"] == isa.TARGET_LOGIT]
    items = [op for op, _ in found if op in (isa.OP_LAYER, isa.OP_STORE)]
    assert logits[0]["wait_previous"] == len(items)
    assert logits[1]["wait_items"] == items.index(isa.OP_STORE) + 1


def test_weights_are_loaded_once():
    """Those of the layers that run for all images at once."""
    network, hardware = random_network(config(dim=64, heads=4), 2), Hardware.named(ROOMY)
    one = traffic(compile_network(network, hardware)).summary()
    four = traffic(compile_network(network, hardware, images=4)).summary()
    assert four["dense_weights"] == one["dense_weights"]
    heads = 4 * network.head_weight.size
    assert four["raw_weight_stream_bytes"] < one["raw_weight_stream_bytes"] + 4 * heads


def test_as_many_as_take_the_fewest_cycles(monkeypatch):
    network, hardware = random_network(config(height=6, width=6), 3), Hardware.named("8x16")
    estimates, real = {}, compiler._compiled

    def compiled(*arguments, images=1, **options):
        program = real(*arguments, images=images, **options)
        estimates[images] = program.estimate / images
        return program

    monkeypatch.setattr(compiler, "_compiled", compiled)
    program = compile_network(network, hardware, images=None)
    assert program.images > 1 and len(estimates) > 2
    assert program.estimate / program.images == min(estimates.values())
    compare(program, network, random_images(config(height=6, width=6), program.images, 1))


def test_more_sets_of_counters_than_there_are():
    """The images of a layer share one."""
    shape = config(depth=3, height=4, width=4)
    network = random_network(shape, 3)
    program = compile_network(network, Hardware.named(ROOMY), images=16)
    assert len(program.layers) > 64 >= len(program.counted())
    for first, numbers in program.counted():
        assert {program.layers[n].layer.origin for n in numbers} == {first.layer.origin}
    compare(program, network, random_images(shape, 16, 1))


def test_refusals():
    network, hardware = random_network(config(), 1), Hardware.named("2x8")
    for images in (0, 257):
        with pytest.raises(UserError, match=f"{images} images of a job are none of 1 to 256"):
            compile_network(network, hardware, images=images)
    with pytest.raises(UserError, match=r"residual words per bank.*stream_depth"):
        compile_network(network, replace(hardware, stream_depth=16), images=4)
    program = compile_network(network, hardware, images=2)
    (job,) = expectations(program, network, np.zeros((1, 1, 8, 8), np.uint8))
    assert len(job.stored) == 2
