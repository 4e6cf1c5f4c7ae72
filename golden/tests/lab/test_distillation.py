# SPDX-License-Identifier: Apache-2.0
"""Distillation: the loss by hand, what has gradients, and what a pruning run makes of it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from golden.contract.errors import UserError
from golden.lab.networks.network_config import NetworkConfig
from golden.lab.prune.network_masks import PruneConfig
from golden.lab.prune.pruning_config import PruneRunConfig, QuantConfig
from golden.lab.prune.pruning_run import run_rounds
from golden.lab.train.checkpoint import save_dense
from golden.lab.train.distillation import Distillation
from golden.lab.train.loop import fit
from golden.lab.train.training_config import RoundConfig
from golden.tests.tiny_networks import awake

SMALL = NetworkConfig(depth=1, dim=16, heads=2, timesteps=2)
ROUND = RoundConfig(
    epochs=1, batch_size=8, images=24, monitor_images=8, learning_rate=1e-3, precision="float32"
)


class Fixed(nn.Module):
    """The same logits whatever comes in; it counts the calls."""

    def __init__(self, logits):
        super().__init__()
        self.logits, self.calls = nn.Parameter(torch.tensor(logits)), 0

    def forward(self, inputs):
        self.calls += 1
        return self.logits.expand(len(inputs), -1)


def by_hand(loss, mine, told, share, t):
    """The formula of the docstring, in float64."""
    p, q = (np.exp(z / t) / np.exp(z / t).sum(1, keepdims=True) for z in (told, mine))
    apart = (p * np.log(p / q)).sum(1).mean()
    return (1 - share) * loss + share * t**2 * apart


@pytest.mark.parametrize("seed", range(4))
def test_the_loss_is_that_of_the_formula(seed):
    rng = np.random.default_rng(seed)
    mine, told = rng.normal(0, 3, (5, 10)), rng.normal(0, 3, 10)
    share, t, loss = rng.random(), 0.5 + 4 * rng.random(), rng.random()
    config = replace(ROUND, distill=share, distill_temperature=t)
    logits = torch.tensor(mine, requires_grad=True)
    teacher = Fixed(told)
    found = Distillation(teacher, config)(
        torch.tensor(loss, dtype=torch.float64), torch.zeros(5, 1), logits
    )
    expected = by_hand(loss, mine, np.tile(told, (5, 1)), share, t)
    np.testing.assert_allclose(found.detach(), expected, rtol=1e-12)
    found.backward()
    assert logits.grad.abs().max() > 0 and teacher.logits.grad is None


def test_without_a_share_nobody_is_asked():
    teacher, loss = Fixed([0.0, 1.0]), torch.tensor(0.5)
    assert Distillation(teacher, ROUND)(loss, torch.zeros(1, 1), torch.zeros(1, 2)) is loss
    assert teacher.calls == 0


def test_who_answers_like_the_teacher_has_nothing_to_learn():
    told = torch.tensor([[3.0, -1.0, 0.5]])
    lessons = Distillation(Fixed(told[0].tolist()), replace(ROUND, distill=1.0))
    # The same answers but for a constant, which softmax does not see.
    assert float(lessons(torch.tensor(9.0), torch.zeros(1, 1), told + 7)) == pytest.approx(0)


def trained(folder, seed, **changes):
    """The weights of a network after three steps, and its teacher before and after."""
    model, teacher = awake(SMALL, 1).float(), awake(SMALL, seed).float()
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    config = replace(ROUND, **changes)
    fit(model, config, folder, lessons=Distillation(teacher, config))
    after = teacher.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def test_a_training_follows_its_teacher(data, tmp_path):
    """Another teacher, another network; without a share the teacher does not matter."""
    runs = iter(range(9))
    one, other, none, neither = (
        trained(tmp_path / str(next(runs)), seed, distill=share)
        for seed, share in ((2, 1.0), (3, 1.0), (2, 0.0), (3, 0.0))
    )
    assert torch.equal(none, neither)
    assert not torch.equal(one, other) and not torch.equal(one, none)


def test_both_rounds_of_a_pruning_have_the_dense_network_as_teacher(data, tmp_path, monkeypatch):
    asked = []

    class Watched(Distillation):
        def __init__(self, teacher, config):
            super().__init__(teacher, config)
            asked.append((teacher, config))

    monkeypatch.setattr("golden.lab.prune.pruning_run.Distillation", Watched)
    dense = awake(SMALL, 1).float()
    facts = {"command": "test", "seed": 1, "accuracy": 0.1, "config": ""}
    save_dense(tmp_path / "dense.safetensors", dense, facts)
    config = PruneRunConfig(
        prune=PruneConfig("unstructured", sparsity=0.5), quant=QuantConfig(4, 24),
        finetune=replace(ROUND, distill=0.5), qat=replace(ROUND, distill=0.25),
    )  # fmt: skip
    run_rounds(
        config, "", tmp_path / "dense.safetensors", tmp_path / "run", tmp_path / "out.safetensors",
        False, "test",
    )  # fmt: skip
    assert [config.distill for _, config in asked] == [0.5, 0.25]
    weights = dense.state_dict()
    for teacher, _ in asked:
        same = teacher.state_dict()
        assert all(torch.equal(same[name], value) for name, value in weights.items())


def test_mistakes():
    for wrong in ({"distill": 1.5}, {"distill": -0.5}, {"distill_temperature": 0.0}):
        with pytest.raises(UserError, match="must be"):
            replace(ROUND, **wrong)
