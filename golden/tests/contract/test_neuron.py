# SPDX-License-Identifier: Apache-2.0
"""The fused multi-step LIF equals spikingjelly's LIFNode, spikes and gradients."""

import math

import pytest
import torch
from spikingjelly.activation_based import neuron, surrogate

from golden.lab.networks import lif_neuron as ours

pytestmark = pytest.mark.smoke


def spikingjelly_lif(currents, threshold, tau):
    if math.isinf(tau):
        node = neuron.IFNode(
            v_threshold=threshold, v_reset=0.0, detach_reset=True,
            surrogate_function=surrogate.Sigmoid(alpha=4.0),
        )  # fmt: skip
        return torch.stack([node(current) for current in currents])
    node = neuron.LIFNode(
        tau=tau, v_threshold=threshold, v_reset=0.0, decay_input=True, detach_reset=True,
        surrogate_function=surrogate.Sigmoid(alpha=4.0),
    )  # fmt: skip
    return torch.stack([node(current) for current in currents])


def both(shape, threshold, dtype=torch.float32, seed=0, tau=2.0):
    """((spikes, gradient) of ours, of spikingjelly)."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) * 2 + 0.5
    weights = torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)
    results = []
    for function in (ours.lif, spikingjelly_lif):
        currents = values.clone().requires_grad_()
        spikes = function(currents, threshold, tau)
        (spikes * weights).sum().backward()
        results.append((spikes.detach(), currents.grad))
    return results


@pytest.mark.parametrize("threshold", [1.0, 0.5])
@pytest.mark.parametrize("steps", [1, 2, 4, 8])
@pytest.mark.parametrize("tau", [2.0, 1.5, math.inf])
def test_equals_spikingjelly(steps, threshold, tau):
    shape = (steps, 3, 5, 7)
    (spikes, grad), (expected, expected_grad) = both(shape, threshold, torch.float64, tau=tau)
    assert torch.equal(spikes, expected)
    assert 0.1 < spikes.mean() < 0.9
    torch.testing.assert_close(grad, expected_grad, rtol=1e-12, atol=1e-14)


def test_equals_spikingjelly_in_float32():
    (spikes, grad), (expected, expected_grad) = both((4, 1000), 1.0, seed=1)
    assert torch.equal(spikes, expected)
    torch.testing.assert_close(grad, expected_grad, rtol=1e-5, atol=1e-6)


def test_fires_exactly_at_the_threshold():
    below = torch.nextafter(torch.tensor(2.0), torch.tensor(0.0))
    currents = torch.tensor([[2.0, below]])
    assert ours.lif(currents, 1.0).tolist() == [[1.0, 0.0]]


def test_compiled_kernel_equals_plain(monkeypatch):
    plain = both((4, 333), 1.0, seed=2)[0]
    monkeypatch.setattr(ours, "COMPILE_FROM", 0)
    compiled = both((4, 333), 1.0, seed=2)[0]
    assert torch.equal(plain[0], compiled[0])
    torch.testing.assert_close(plain[1], compiled[1], rtol=1e-5, atol=1e-6)
