# SPDX-License-Identifier: Apache-2.0
"""RandAugment, erasing, mixup and CutMix: what they do to pixels and labels, that they follow the
generator of the batches alone, and the committed training of CIFAR-10, one step of it."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from golden.contract import paths
from golden.contract.errors import UserError
from golden.contract.settings import load
from golden.lab.networks import backbones
from golden.lab.networks.network_config import NetworkConfig
from golden.lab.prune.pruning_config import PruneRunConfig
from golden.lab.prune.pruning_run import run_rounds
from golden.lab.train.batches import batches
from golden.lab.train.checkpoint import save_dense
from golden.lab.train.loop import Hooks, fit
from golden.lab.train.recipe import Recipe, asked
from golden.lab.train.source import check
from golden.lab.train.training_config import RunConfig, TrainConfig
from golden.tests.lab.test_data_cifar import make

ALL = TrainConfig(randaugment=2, erase=0.5, mixup=0.4, cutmix=1.0)
HOOKS = Hooks()
CONFIGS = paths.GOLDEN / "configs/cifar10"


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def shown(config, images, labels, draws=0, epoch=0, classes=10):
    return Recipe(config, images.shape[1], classes)(images, labels, generator(draws), epoch)


def photographs(count=64, channels=3):
    return torch.randint(256, (count, channels, 16, 16), generator=generator(9)).to(torch.uint8)


def test_nothing_asked_for_changes_nothing():
    images, labels = photographs(), torch.arange(64) % 10
    config, one, two = TrainConfig(batch_size=16), generator(), generator()
    assert asked(config) == []
    plain = list(batches(images, labels, config, one))
    for got, wanted in zip(
        batches(images, labels, config, two, recipe=Recipe(config, 3, 10)), plain, strict=True
    ):
        assert torch.equal(got[0], wanted[0])
        assert torch.equal(got[1], wanted[1])
    assert torch.equal(one.get_state(), two.get_state())


@pytest.mark.parametrize("channels", [1, 3])
def test_draws_follow_the_generator_alone(channels):
    images, labels = photographs(channels=channels), torch.arange(64) % 10
    found = []
    for own in (1, 2):
        torch.manual_seed(own)
        before = torch.get_rng_state()
        found.append(shown(ALL, images, labels))
        assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(x, y) for x, y in zip(*found, strict=True))
    pixels, shares = found[0]
    assert (pixels.dtype, pixels.shape) == (torch.uint8, images.shape)
    assert torch.allclose(shares.sum(1), torch.ones(64))
    assert not torch.equal(shown(ALL, images, labels, draws=1)[0], pixels)


def test_operations_differ_between_images_and_grow_with_the_magnitude():
    images, labels = photographs(256), torch.zeros(256, dtype=torch.long)
    off = {}
    for magnitude in (1, 29):
        config = TrainConfig(randaugment=1, randaugment_magnitude=magnitude)
        pixels, same = shown(config, images, labels)
        assert torch.equal(same, labels)
        moved = (pixels.int() - images.int()).abs().flatten(1).float().mean(1)
        off[magnitude] = moved.median()
        assert moved.std() > 1
    assert off[29] > 2 * off[1]


def test_erasing_blackens_a_rectangle_in_its_share_of_the_images():
    images = torch.full((400, 1, 16, 16), 200, dtype=torch.uint8)
    pixels, _ = shown(TrainConfig(erase=0.25), images, torch.zeros(400, dtype=torch.long))
    assert set(pixels.unique().tolist()) == {0, 200}
    holes = (pixels == 0).flatten(1).sum(1)
    assert 60 < int((holes > 0).sum()) < 140
    for image in pixels[holes > 0]:
        rows, columns = (image[0] == 0).any(1), (image[0] == 0).any(0)
        assert int(rows.sum() * columns.sum()) == int((image == 0).sum()) <= 0.4 * 256


@pytest.mark.parametrize("name", ["mixup", "cutmix"])
def test_labels_are_the_shares_of_the_pixels(name):
    """Class c is a one-hot channel, so an image's channels are what it consists of."""
    labels = torch.arange(40) % 4
    images = functional.one_hot(labels, 4)[:, :, None, None] * 255
    images = images.expand(-1, -1, 16, 16).to(torch.uint8)
    pixels, shares = shown(TrainConfig(**{name: 1.0}), images, labels, classes=4)
    seen = pixels.float().mean((2, 3)) / 255
    assert torch.allclose(seen, shares, atol=1e-6 if name == "cutmix" else 1 / 255)
    assert int((shares.amax(1) < 0.9).sum()) > 4
    if name == "cutmix":
        assert set(pixels.unique().tolist()) == {0, 255}
    assert float(shares[torch.arange(40), labels].mean()) > float(shares.mean())


def test_mixing_ends_and_alternates():
    images, labels = photographs(8), torch.arange(8)
    config = TrainConfig(mixup=1.0, cutmix=1.0, mix_epochs=2)
    for epoch, mixed in ((0, True), (1, True), (2, False)):
        pixels, truth = shown(config, images, labels, epoch=epoch)
        assert truth.is_floating_point() == mixed
        assert torch.equal(pixels, images) != mixed
    cut = []
    for seed in range(20):  # each pixel of a cut image is one of the batch
        pixels, _ = shown(config, images, labels, draws=seed)
        cut.append(bool((pixels[:, None] == images[None]).all(2).any(1).all()))
    assert 3 < sum(cut) < 17


@pytest.mark.parametrize("name", ["randaugment", "erase", "mixup", "cutmix"])
def test_event_frames_are_refused(name):
    network = NetworkConfig(in_channels=2, height=34, width=34, input_timesteps=4, input_bits=1)
    check(network, TrainConfig(data="n_mnist"))
    with pytest.raises(UserError, match=rf"event frames, .*: set train\.{name} = 0$"):
        check(network, TrainConfig(data="n_mnist", **{name: 1}))


@pytest.fixture
def eager():
    """Nothing is compiled: that would take longer than these trainings."""
    with torch.compiler.set_stance("force_eager"):
        yield


class Stop(Exception):
    pass


def stop(epoch):
    if epoch == 1:
        raise Stop


def test_a_resumed_training_equals_an_undisturbed_one(data, eager, tmp_path):
    config = replace(
        ALL, epochs=2, batch_size=16, monitor_images=8, precision="float32", mix_epochs=0
    )

    def trained(run, resume=False, hooks=HOOKS):
        torch.manual_seed(0)
        model = backbones.build(NetworkConfig(depth=1, dim=16, heads=2, timesteps=2))
        fit(model, config, tmp_path / run, resume, hooks)
        return model.state_dict()

    whole = trained("whole")
    with pytest.raises(Stop):
        trained("part", hooks=Hooks(before_epoch=stop))
    resumed = trained("part", resume=True)
    assert all(torch.equal(tensor, resumed[name]) for name, tensor in whole.items())


def test_one_step_of_the_cifar10_configurations(eager, tmp_path, monkeypatch):
    make(tmp_path, "cifar10", False)
    monkeypatch.setenv("CIFAR10_DIR", str(tmp_path))
    config = load(CONFIGS / "dense.toml", RunConfig)
    assert asked(config.train) == ["randaugment", "erase", "mixup", "cutmix"]
    step = {"epochs": 1, "batch_size": 20, "monitor_images": 4}
    losses = []
    torch.manual_seed(config.train.seed)
    model = backbones.build(config.network)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    fit(model, replace(config.train, **step), tmp_path / "run", hooks=Hooks(on_loss=losses.append))
    assert len(losses) == 1
    assert 1 < losses[0] < 5
    assert any(not torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    dense, out = tmp_path / "dense.safetensors", tmp_path / "int8.safetensors"
    save_dense(dense, model, {}, data={"name": "cifar10"})
    pruning = load(CONFIGS / "balanced.toml", PruneRunConfig)
    pruning = replace(
        pruning,
        search_epochs=1,
        finetune=replace(pruning.finetune, **step),
        qat=replace(pruning.qat, **step),
        quant=replace(pruning.quant, calibration=20),
    )
    facts = run_rounds(pruning, "", dense, tmp_path / "pruned", out, False, "test")
    assert facts["weight_sparsity"] == pytest.approx(0.75, abs=0.02)
