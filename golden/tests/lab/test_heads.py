# SPDX-License-Identifier: Apache-2.0
"""The orders of the classification head, and frames against images."""

import pytest
import torch
from spikingjelly.activation_based import neuron

from golden.contract.errors import UserError
from golden.lab.networks import backbones
from golden.lab.networks.backbones.head import Head
from golden.lab.networks.network_config import NetworkConfig

pytestmark = pytest.mark.smoke


def stream(seed=1, shape=(4, 3, 6, 8)):
    print(f"SEED={seed}")
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).double() * 2 + 0.5


def lif(currents):
    return neuron.LIFNode(tau=2.0, v_reset=0.0, step_mode="m").eval()(currents.contiguous())


def test_each_order_is_what_its_name_says():
    x = stream()
    heads = {k: Head(8, 5, k).double() for k in (
        "avgpool_fc", "fc_avgpool", "sn_avgpool_fc", "sn_fc_avgpool", "avgpool_sn_fc")}  # fmt: skip
    weight, bias = heads["avgpool_fc"].weight, heads["avgpool_fc"].bias
    for head in heads.values():
        head.load_state_dict({"weight": weight, "bias": bias})

    def fc(y):
        return y @ weight.T + bias

    expected = {
        "avgpool_fc": fc(x.mean((0, 2))),
        "fc_avgpool": fc(x).mean((0, 2)),
        "sn_avgpool_fc": fc(lif(x).mean((0, 2))),
        "sn_fc_avgpool": fc(lif(x)).mean((0, 2)),
        "avgpool_sn_fc": fc(lif(x.mean(2))).mean(0),
    }
    for kind, head in heads.items():
        torch.testing.assert_close(head(x), expected[kind], rtol=1e-12, atol=1e-13)
    assert not torch.allclose(expected["avgpool_fc"], expected["sn_fc_avgpool"])
    assert not torch.allclose(expected["avgpool_sn_fc"], expected["sn_fc_avgpool"])


@pytest.mark.parametrize("kind", ["avgpool_fc", "fc_avgpool", "sn_avgpool_fc", "sn_fc_avgpool"])
def test_every_head_has_gradients(kind):
    torch.manual_seed(3)
    model = backbones.build(NetworkConfig(depth=1, dim=16, heads=2, timesteps=2, head=kind))
    model(torch.rand(4, 1, 28, 28)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_frames_are_images_over_time():
    torch.manual_seed(4)
    model = backbones.build(
        NetworkConfig(depth=1, dim=16, heads=2, timesteps=3)
    ).double()  # batch statistics
    images = torch.rand(2, 1, 28, 28).double()
    frames = images.repeat(3, 1, 1, 1, 1)
    torch.testing.assert_close(model(frames), model(images), rtol=1e-9, atol=1e-9)
    frames[2] = 0
    assert not torch.allclose(model(frames), model(images))


@pytest.mark.parametrize("field", ["head", "backbone", "encoder", "layout", "connect"])
def test_unknown_names_are_refused(field):
    with pytest.raises(UserError, match=rf"network.{field} is 'nothing', it must be one of"):
        NetworkConfig(**{field: "nothing"})
