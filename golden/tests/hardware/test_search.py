# SPDX-License-Identifier: Apache-2.0
"""The search for a better program: never worse than the plain rule, still right, in its time."""

import time
from dataclasses import replace

import numpy as np
import pytest

from golden.contract.errors import UserError
from golden.contract.random_network import random_images, random_network
from golden.hardware.compile import counters, layer_list, program, search, windows
from golden.hardware.compile.program import compile_network
from golden.hardware.configuration import Hardware
from golden.hardware.execute.emulator import Emulator
from golden.hardware.execute.expected import expectations, layer_list_expectation
from golden.hardware.workload.random_layer import random_layer
from golden.hardware.workload.recording import Recording
from golden.tests.hardware.test_windows import config

pytestmark = pytest.mark.smoke
HARDWARE = Hardware.named("2x8")
# (T, C, H, W), outputs: loads as long as their layers, or much shorter
SHAPES = [((2, 64, 2, 2), 64), ((2, 16, 8, 8), 16), ((2, 64, 2, 2), 64), ((2, 16, 8, 8), 16)]


def some_layers():
    rng = np.random.default_rng(3)
    for i, (shape, outputs) in enumerate(SHAPES):
        spikes = (rng.random(shape) < 0.2).astype(np.uint8)
        yield random_layer(Recording(f"x{i}", spikes, outputs, 3), 0.5, HARDWARE.lanes, i)


def run(todo, found):
    image = layer_list.pack(found, todo)
    answer = Emulator(HARDWARE, 3).run(found.program, found.weights, image)
    expected = layer_list_expectation(found, todo)
    for got, want, c in zip(answer.drained, expected.layers, found.layers, strict=True):
        np.testing.assert_array_equal(got.spikes, want.spikes, c.name)
        assert (got.rows, got.row_adds) == (want.rows, want.row_adds), c.name


def test_a_better_order():
    """The second long load comes beside the layer that takes long."""
    todo = list(some_layers())
    plain = layer_list.compile_layers(todo, HARDWARE)
    found = layer_list.compile_layers(todo, HARDWARE, effort=60)
    assert plain.search is None and found.search.tried > 10
    assert found.search.plain == plain.estimate and found.search.cycles == found.estimate
    assert found.estimate < plain.estimate and found.search.took < 60  # nothing was left to try
    assert {c.layer.parts for c in found.layers} == {c.layer.parts for c in plain.layers}
    assert f"{found.search.tried} other programs tried" in str(found.search)
    run(todo, found)


def test_of_a_network():
    """Layers stay in their order; the outcome is right and not worse."""
    network = random_network(config(), 1, "balanced", lanes=HARDWARE.lanes)
    hardware = replace(HARDWARE, bank_depth=400)
    plain = compile_network(network, hardware)
    found = compile_network(network, hardware, effort=60)
    assert found.estimate <= plain.estimate and found.search.tried > 0
    names = [[n for c in p.layers for n in c.layer.parts] for p in (plain, found)]
    assert list(dict.fromkeys(names[0])) == list(dict.fromkeys(names[1]))
    (image,) = random_images(network.config, 1, 1)
    answer = Emulator(hardware, 1).run(found.program, found.weights, found.pack_image(image))
    (expected,) = expectations(found, network, image[None])
    np.testing.assert_array_equal(answer.logits, expected.logits)


def test_the_time_is_kept():
    """With hardly any, the plain program; one attempt more at most."""
    todo = list(some_layers())
    plain = layer_list.compile_layers(todo, HARDWARE)
    began = time.monotonic()

    def slow(_):
        time.sleep(0.2)
        return replace(plain, estimate=0)

    class OnePlan:
        def others(self, _):
            while True:
                yield self

    plans = [OnePlan() for _ in range(3)]
    found = search.improved(plans, plain, slow, 0.1, False)
    assert time.monotonic() - began < 2 and found.search.tried == 1
    assert found.estimate == 0 and found.search.plain == plain.estimate


def test_tilings_of_a_plan():
    """All of them differ, cover every output, and fit."""
    (x,) = [random_layer(Recording("x", np.ones((2, 8, 4, 4), np.uint8), 64, 3), 0.5, 8, 1)]
    layers = [layer_list._lower(x, HARDWARE)]
    (plan,) = windows.planned(layers, HARDWARE, 1, {})
    others = list(plan.others(HARDWARE))
    assert len({p.edges for p in [plan, *others]}) == len(others) + 1 > 4
    for other in others:
        assert sum(part.words for part in other.parts) == layers[0].words
    again = [replace(layers[0], repeat=k) for k in range(5)]
    narrow = replace(HARDWARE, spike_lines=200)  # room for some of the five images at a time
    for other in others:
        layers = replace(other, same=again).layers(narrow)
        counted = counters.sets(layers)
        turns = sum(not layer.repeat and not layer.tile for layer in layers)
        assert counted == turns * len(other.parts)
        assert counters.sets(counters.joined(layers, counted - 1)) == turns < counted
    assert turns > 1


def test_a_refusal_does_not_search(monkeypatch):
    """Neither on the hardware that is too small, nor on those that are tried to name one."""
    searches = []
    monkeypatch.setattr(program, "improved", lambda *_: searches.append(1))
    network = random_network(config(), 1, "balanced", lanes=HARDWARE.lanes)
    with pytest.raises(UserError, match="bank_depth"):
        compile_network(network, replace(HARDWARE, bank_depth=4), effort=60)
    assert not searches
    compile_network(network, HARDWARE, effort=60)
    assert len(searches) == 1
