# SPDX-License-Identifier: Apache-2.0
"""Training: it learns, it resumes to the same weights, and configuration mistakes are sentences."""

import re
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from golden.contract import paths
from golden.contract.errors import UserError
from golden.contract.settings import load
from golden.lab.networks.backbones.spikingformer import Spikingformer
from golden.lab.networks.network_config import NetworkConfig
from golden.lab.prune.network_masks import sparsity
from golden.lab.prune.pruning_config import PruneRunConfig
from golden.lab.prune.pruning_run import prune
from golden.lab.train.batches import augment
from golden.lab.train.checkpoint import load_dense, save_dense
from golden.lab.train.evaluate import accuracy, firing_rates
from golden.lab.train.loop import fit, one_cycle, refuse_unfinished, split_tensors
from golden.lab.train.training_config import RunConfig, TrainConfig

SMALL = NetworkConfig(depth=1, dim=16, heads=2, timesteps=2)
QUICK = TrainConfig(
    epochs=2, batch_size=16, monitor_images=0, precision="float32", early_epochs=1,
    early_timesteps=1,
)  # fmt: skip


def trained(run, config, resume=False):
    torch.manual_seed(0)
    model = Spikingformer(SMALL)
    fit(model, config, run, resume)
    return model


def test_resume_gives_the_same_weights(data, tmp_path):
    whole = trained(tmp_path / "whole", QUICK)

    class Stop(Exception):
        pass

    def stop(epoch):
        if epoch == 1:
            raise Stop

    from golden.lab.train.loop import Hooks

    torch.manual_seed(0)
    model = Spikingformer(SMALL)
    with pytest.raises(Stop):
        fit(model, QUICK, tmp_path / "part", hooks=Hooks(before_epoch=stop))
    resumed = trained(tmp_path / "part", QUICK, resume=True)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name
    assert "epoch 2/2" in (tmp_path / "part/log.txt").read_text()


def test_learns_and_saves(data, tmp_path):
    config = TrainConfig(
        epochs=30, batch_size=16, learning_rate=1e-2, monitor_images=0, precision="float32",
        flip=False, shift=0,
    )  # fmt: skip
    model = trained(tmp_path / "run", config)
    images, labels = split_tensors("test")
    log = (tmp_path / "run/log.txt").read_text()
    losses = [float(loss) for loss in re.findall(r"loss ([\d.]+)", log)]
    assert losses[-1] < 0.85 * losses[0]
    assert accuracy(model, images, labels) > 0.1
    rates = firing_rates(model, images)
    assert len(rates) == 4 + 7 + 1
    save_dense(tmp_path / "dense.safetensors", model, {"seed": 0})
    again = load_dense(tmp_path / "dense.safetensors").eval()
    pixels = images.float() / 255
    assert torch.equal(again(pixels), model(pixels))


def test_prune_command_from_end_to_end(data, tmp_path):
    save_dense(tmp_path / "dense.safetensors", trained(tmp_path / "run", QUICK), {})
    rounds = "epochs = 1\nbatch_size = 16\nmonitor_images = 16\n"
    path = tmp_path / "balanced.toml"
    path.write_text(
        "[prune]\nlanes = 4\nslots = { mlp1 = 2 }\n"
        f"[quant]\ncalibration = 32\n[finetune]\n{rounds}[qat]\n{rounds}"
    )
    out = tmp_path / "balanced.safetensors"
    facts = prune(path, tmp_path / "dense.safetensors", tmp_path / "pruned", out, False, "test")
    assert out.is_file()
    assert facts["weight_sparsity"] > 0.5
    log = out.with_suffix(".log").read_text()
    assert "integer accuracy" in log
    found = re.search(r"weight sparsity ([\d.]+), asked for 0\.7500", log)
    assert found, log
    assert float(found[1]) == pytest.approx(facts["weight_sparsity"], abs=0.05)
    again = load_dense(tmp_path / "pruned/float.safetensors")  # a start for the next pruning
    assert sparsity(again) == pytest.approx(facts["weight_sparsity"], abs=0.05)


def test_augmentation_moves_but_keeps_pixels():
    images = torch.zeros(64, 1, 8, 8, dtype=torch.uint8)
    images[:, 0, 3, 2] = 200
    generator = torch.Generator().manual_seed(0)
    moved = augment(images, TrainConfig(shift=1, flip=True), generator)
    assert moved.shape == images.shape
    assert (moved.flatten(1).sum(1) == 200).all()
    rows, columns = (moved[:, 0] == 200).nonzero()[:, 1:].T
    assert set(rows.tolist()) == {2, 3, 4}
    assert set(columns.tolist()) == {1, 2, 3, 4, 5, 6}
    plain = augment(images, TrainConfig(shift=0, flip=False), generator)
    assert torch.equal(plain, images)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[train]\nepoch = 3", "no setting 'train.epoch'"),
        ("[train]\nepochs = 'many'", "train.epochs is 'many', it must be a whole number from 1 to"),
        ("train = 3", "train is 3, it must be a table"),
        ("[network]\ndim = 60", "multiple of 8"),
        ("[[[", "cannot be read"),
    ],
)
def test_configuration_mistakes(tmp_path, text, sentence):
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(UserError, match=sentence):
        load(tmp_path / "a.toml", RunConfig)


def test_committed_configurations_load():

    configs = paths.GOLDEN / "configs"
    assert load(configs / "default.toml", RunConfig).network == NetworkConfig()
    methods = [load(configs / f"{m}.toml", PruneRunConfig).prune.method
               for m in ("balanced", "unstructured")]  # fmt: skip
    assert methods == ["balanced", "unstructured"]


def test_the_rate_rises_and_falls_for_any_warmup():
    """Also when the rise takes exactly one step, or all of them."""
    for steps in range(1, 9):
        for warmup in (0.0, 1.0, 0.2, *(k / steps for k in range(1, steps))):
            optimiser = torch.optim.AdamW([torch.nn.Parameter(torch.ones(1))])
            schedule = one_cycle(optimiser, [1.0], warmup, steps)
            rates = []
            for _ in range(steps):
                rates += schedule.get_last_lr()
                optimiser.step()
                schedule.step()
            assert all(0 < rate <= 1 for rate in rates), (steps, warmup)
            if steps == 1 or abs(warmup * steps - 1) < 1e-9:
                assert rates[0] == pytest.approx(1.0, abs=1e-6)


def test_training_of_one_step(data, tmp_path):
    config = replace(QUICK, epochs=1, early_epochs=0, batch_size=24, images=24, warmup=1.0)
    trained(tmp_path / "one", config)
    with pytest.raises(UserError, match=r"train\.shift is 28, which moves images of 28 x 28"):
        trained(tmp_path / "two", replace(config, shift=28))


def test_layers_that_do_not_learn_are_named_after_training(data, tmp_path):
    torch.manual_seed(0)
    model = Spikingformer(SMALL)
    model.tokenizer.stages[0].norm.bias.data.fill_(500.0)
    model.tokenizer.stages[1].norm.bias.data.fill_(-500.0)
    fit(model, replace(QUICK, epochs=1, early_epochs=0), tmp_path / "run")
    log = (tmp_path / "run/log.txt").read_text()
    assert re.search(r"warning: layer tokenizer\.lifs\.1 never fires over \d+ test images", log)
    assert re.search(r"warning: layer tokenizer\.lifs\.0 always fires over \d+ test images", log)


def test_nothing_to_resume(data, tmp_path):
    with pytest.raises(UserError, match="nothing to resume"):
        trained(tmp_path, QUICK, resume=True)
    with pytest.raises(UserError, match="does not exist"):
        load_dense(tmp_path / "none.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"rubbish")
    with pytest.raises(UserError, match="not a float checkpoint"):
        load_dense(tmp_path / "bad.safetensors")


def test_command_line_mistakes_exit_with_2(tmp_path):
    (tmp_path / "a.toml").write_text("colour = 'red'\n")
    run = subprocess.run(
        [sys.executable, "-m", "golden", "train", "--config", tmp_path / "a.toml"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 2
    assert run.stderr.count("\n") == 1
    assert "no setting 'colour'" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"notes of mine\n"])
def test_a_damaged_state_is_not_trained_over(tmp_path, content):
    (tmp_path / "last.pt").write_bytes(content)
    with pytest.raises(UserError, match=r"last\.pt is damaged"):
        refuse_unfinished(tmp_path)
    assert (tmp_path / "last.pt").read_bytes() == content
