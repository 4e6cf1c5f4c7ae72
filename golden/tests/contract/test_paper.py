# SPDX-License-Identifier: Apache-2.0
"""The paper-size network, in a shorter version: rates, balance, tiles, coded weights."""

from dataclasses import replace

import numpy as np
import pytest

from golden.contract.model import forward
from golden.contract.paper import CONFIG, LANES, natural_images, paper_network
from golden.hardware.compile.program import compile_network
from golden.hardware.compile.rows import row_lengths
from golden.hardware.compile.traffic import traffic
from golden.hardware.configuration import Hardware

pytestmark = pytest.mark.smoke

SHORT = replace(CONFIG, depth=1, height=16, width=16)


@pytest.fixture(scope="module")
def network():
    return paper_network(1, SHORT)


@pytest.fixture(scope="module")
def program(network):
    return compile_network(network, Hardware.named("4x32"))


def test_images_are_like_natural_ones():
    images = natural_images(3, 5)
    assert images.dtype == np.uint8 and images.shape == (3, 3, 32, 32)
    assert (natural_images(2, 5) == images[:2]).all()  # more images do not change the first
    means, deviations = images.mean((1, 2, 3)), images.std((1, 2, 3))
    assert (abs(means - 128) < 3).all() and (abs(deviations - 50) < 4).all()
    grey = images.mean(1) - 128
    neighbours = (grey[:, :, 1:] * grey[:, :, :-1]).mean() / (grey**2).mean()
    assert neighbours > 0.5  # white noise has 0


def test_firing_rates(network):
    """5 to 20 % in most layers, under 2 % in front of the second MLP layer."""
    rates = {k: v.mean() for k, v in forward(network, natural_images(4, 1, SHORT)).spike.items()}
    assert rates.pop("blocks.0.mlp1") < 0.02
    usual = [0.05 <= rate <= 0.2 for rate in rates.values()]
    assert sum(usual) >= len(usual) - 1, rates


def test_rows_are_balanced_and_tiles_stay_so(program):
    """Every row of a tile has the same length, and most slots hold a weight."""
    names = [c.name for c in program.layers]
    assert {"blocks.0.qkv[1]", "blocks.0.mlp1[1]"} <= set(names)
    for c in program.layers:
        if c.packed and c.name != "tokenizer.0":
            lengths = row_lengths(c.layer.weight, LANES)
            assert len(np.unique(lengths)) == 1, c.name
            assert c.fields["row_cost"] == lengths.max()
            if c.name != "head":
                assert c.packed.useful.sum() == LANES * lengths.sum(), c.name


def test_weights_are_coded(program):
    """Over 98 % of the weights in 6 bits each: 1.6 bits per dense weight with everything."""
    report = traffic(program)
    assert report.summary()["bits_per_dense_weight"] < 1.6
    raw = [x.dense_weights for x in report.layers if x.dense_weights and not x.coded]
    assert sum(raw) < 0.02 * report.summary()["dense_weights"]
