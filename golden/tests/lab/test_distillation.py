# SPDX-License-Identifier: Apache-2.0
"""Distillation: the loss by hand, what has gradients, who teaches, and what a pruning run makes of
it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parameters_to_vector

from golden.contract.errors import UserError
from golden.lab.networks.backbones import build
from golden.lab.networks.network_config import NetworkConfig
from golden.lab.prune.network_masks import PruneConfig
from golden.lab.prune.pruning_config import PruneRunConfig, QuantConfig
from golden.lab.prune.pruning_run import run_rounds
from golden.lab.train.checkpoint import save_dense
from golden.lab.train.distillation import Distillation, lessons
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
        torch.tensor(loss, dtype=torch.float64), torch.zeros(5, 1).double(), logits
    )
    expected = by_hand(loss, mine, np.tile(told, (5, 1)), share, t)
    np.testing.assert_allclose(found.detach(), expected, rtol=1e-12)
    found.backward()
    assert logits.grad.abs().max() > 0 and teacher.logits.grad is None


def test_without_a_share_nobody_is_asked():
    absent = replace(ROUND, teacher="nowhere.safetensors")
    assert lessons(absent, awake(SMALL, 1), Fixed([0.0, 1.0])) is None


def test_who_answers_like_the_teacher_has_nothing_to_learn():
    told = torch.tensor([[3.0, -1.0, 0.5]])
    taught = Distillation(Fixed(told[0].tolist()), replace(ROUND, distill=1.0))
    # The same answers but for a constant, which softmax does not see.
    assert float(taught(torch.tensor(9.0), torch.zeros(1, 1), told + 7)) == pytest.approx(0)


def trained(folder, seed, **changes):
    """The weights of a network after three steps, and its teacher before and after."""
    model, teacher = awake(SMALL, 1).float(), awake(SMALL, seed).float()
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    config = replace(ROUND, **changes)
    fit(model, config, folder, twin=teacher)
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

    monkeypatch.setattr("golden.lab.train.distillation.Distillation", Watched)
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
    shares = [config.distill for _, config in asked]
    assert shares == [0.5, 0.25] * 2  # looked for before the first round, and in each
    weights = dense.state_dict()
    for teacher, _ in asked:
        same = teacher.state_dict()
        assert all(torch.equal(same[name], value) for name, value in weights.items())


RESNET = NetworkConfig(backbone="resnet", depth=8, dim=32, timesteps=1, head="avgpool_fc")


def test_another_network_teaches(data, tmp_path):
    """One of another kind and size, in place of the twin, and it stays as it is."""
    torch.manual_seed(1)
    path, config = tmp_path / "teacher.safetensors", replace(ROUND, distill=1.0)
    save_dense(path, build(RESNET), {})
    before = path.read_bytes()
    trained_weights = {}
    for name, teacher in ("twin", ""), ("named", str(path)):
        model, twin = awake(SMALL, 1).float(), awake(SMALL, 2).float()
        fit(model, replace(config, teacher=teacher), tmp_path / name, twin=twin)
        trained_weights[name] = parameters_to_vector(model.parameters()).detach()
    assert not torch.equal(trained_weights["twin"], trained_weights["named"])
    assert path.read_bytes() == before
    model = awake(SMALL, 1).float()
    fit(model, replace(config, teacher=str(path)), tmp_path / "alone")  # `psf train` has no twin
    assert torch.equal(parameters_to_vector(model.parameters()), trained_weights["named"])


def test_the_named_teacher_answers(tmp_path):
    torch.manual_seed(1)
    path, teacher = tmp_path / "teacher.safetensors", build(RESNET).eval()
    save_dense(path, teacher, {})
    model, images = awake(SMALL, 1), torch.rand(3, 1, 28, 28)
    config = replace(ROUND, distill=0.75, distill_temperature=3.0, teacher=str(path))
    mine, loss = torch.randn(3, 10), torch.tensor(0.5)
    found = lessons(config, model, None)(loss, images, mine)
    told = teacher(images).detach().double().numpy()
    expected = by_hand(0.5, mine.double().numpy(), told, 0.75, 3.0)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"classes": 11}, "network.classes = 11, the network that is to learn from it 10"),
        ({"in_channels": 3}, "network.in_channels = 3"),
        ({"height": 32}, "network.height = 32"),
    ],
)
def test_a_teacher_of_something_else(tmp_path, changes, sentence):
    path = tmp_path / "teacher.safetensors"
    save_dense(path, build(replace(RESNET, **changes)), {})
    with pytest.raises(UserError, match=sentence):
        lessons(replace(ROUND, distill=0.5, teacher=str(path)), awake(SMALL, 1), None)


def test_a_training_in_float64_has_a_teacher_in_float64(data, tmp_path):
    model, twin = awake(SMALL, 1).float(), awake(SMALL, 2).float()
    fit(model, replace(ROUND, distill=1.0, precision="float64"), tmp_path / "run", twin=twin)
    assert all(x.dtype == torch.float64 for x in (*model.parameters(), *twin.parameters()))


def test_the_teacher_of_the_second_round_is_missed_before_the_first(data, tmp_path):
    save_dense(tmp_path / "dense.safetensors", awake(SMALL, 1).float(), {})
    config = PruneRunConfig(
        prune=PruneConfig("unstructured", sparsity=0.5), quant=QuantConfig(4, 24),
        finetune=ROUND, qat=replace(ROUND, distill=0.5, teacher="nowhere.safetensors"),
    )  # fmt: skip
    places = (tmp_path / name for name in ("dense.safetensors", "run", "out.safetensors"))
    with pytest.raises(UserError, match="nowhere"):
        run_rounds(config, "", *places, False, "test")
    assert not (tmp_path / "run/finetune").exists()


def test_nobody_to_teach(tmp_path):
    with pytest.raises(UserError, match="nothing says whose answers count"):
        fit(awake(SMALL, 1).float(), replace(ROUND, distill=0.5), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with pytest.raises(UserError, match="nowhere"):
        lessons(replace(ROUND, distill=0.5, teacher="nowhere.safetensors"), awake(SMALL, 1), None)


def test_mistakes():
    for wrong in ({"distill": 1.5}, {"distill": -0.5}, {"distill_temperature": 0.0}):
        with pytest.raises(UserError, match="must be"):
            replace(ROUND, **wrong)
