# SPDX-License-Identifier: Apache-2.0
"""Training that begins with another network's checkpoint."""

import pytest
import torch

from golden.contract.errors import UserError
from golden.lab.networks import backbones
from golden.lab.networks.network_config import NetworkConfig
from golden.lab.train.checkpoint import save_dense, warm_start

SIZES = dict(depth=1, dim=16, heads=2, timesteps=2)


@pytest.fixture
def base(tmp_path):
    torch.manual_seed(1)
    model = backbones.build(NetworkConfig(**SIZES))
    path = tmp_path / "base.safetensors"
    save_dense(path, model, {})
    return model, path


@pytest.mark.parametrize(
    "change", [{"encoder": "learned"}, {"head": "avgpool_fc"}, {"encoder": "rate"}]
)
def test_everything_but_encoder_and_head_is_copied(base, change):
    source, path = base
    torch.manual_seed(2)
    model = backbones.build(NetworkConfig(**SIZES, **change))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    warm_start(model, path)
    known = source.state_dict()
    for name, tensor in model.state_dict().items():
        expected = known.get(name, before[name])
        assert torch.equal(tensor, expected), name
    assert any(not torch.equal(before[name], known[name]) for name in known)


@pytest.mark.parametrize("change", [{"depth": 2}, {"dim": 32}, {"encoder_channels": 2}])
def test_other_sizes_are_refused(base, change):
    _, path = base
    model = backbones.build(NetworkConfig(**SIZES | {"encoder": "learned"} | change))
    with pytest.raises(UserError, match=r"cannot start from .*give both the same sizes"):
        warm_start(model, path)
