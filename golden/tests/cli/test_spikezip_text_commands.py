# SPDX-License-Identifier: Apache-2.0
"""psf spikezip train-text, check, curve and psf sops, from end to end on a tiny MR; mistakes are
sentences."""

import json
import random

import numpy as np
import pytest
import torch

from golden.cli.main import main
from golden.contract.errors import UserError
from golden.lab.spikezip import spikezip_checkpoint
from golden.lab.spikezip.quantised_transformer import freeze
from golden.lab.spikezip.samples import samples_of
from golden.lab.spikezip.spikezip_config import VitConfig
from golden.lab.spikezip.text_config import TextConfig
from golden.lab.spikezip.text_encoder import QuantTextEncoder
from golden.lab.spikezip.train_text import accuracy, batches, hidden, train
from golden.lab.spikezip.vit import QuantViT
from golden.lab.spikezip.vocabulary import PAD, START, UNKNOWN, Vocabulary
from golden.lab.train import loop

TOML = """
[network]
length = 10
words = 40
dim = 16
depth = 1
level = 8
[qat]
float_epochs = 4
[train]
epochs = {epochs}
batch_size = 16
learning_rate = 1e-2
dropout = 0.0
word_dropout = 0.1
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """300 sentences: those with 'good' are positive, those with 'bad' negative; a configuration."""
    draw = random.Random(5)
    (tmp_path / "mr").mkdir()
    for name, word in (("pos", "good"), ("neg", "bad")):
        lines = []
        for _ in range(150):
            words = [f"w{draw.randrange(20)}" for _ in range(draw.randrange(8))]
            words.insert(draw.randrange(len(words) + 1), word)
            lines.append(" ".join(words))
        (tmp_path / f"mr/rt-polarity.{name}").write_text("\n".join(lines))
    monkeypatch.setenv("MR_DIR", str(tmp_path / "mr"))
    (tmp_path / "tiny.toml").write_text(TOML.format(epochs=8))
    return tmp_path


def run(*arguments):
    """The exit status of psf."""
    try:
        main([*map(str, arguments)])
    except SystemExit as ended:
        return ended.code
    return 0


def sentence(capsys):
    """What psf said is wrong."""
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1, error
    return error


@pytest.mark.long
def test_train_check_curve_sops(folder, capsys):
    path = folder / "nets/tiny.safetensors"
    config, out = folder / "tiny.toml", ("--out", path)
    assert not run("spikezip", "train-text", "--config", config, "--run", folder / "run", *out,
                   "--fold", 2)  # fmt: skip
    told = json.loads(path.with_suffix(".json").read_text())
    assert told["accuracy"] > 0.9 and told["fold"] == 2 and told["bits"] == 3  # chance is 0.5
    lines = path.with_suffix(".log").read_text().splitlines()
    assert "epoch 4/8 float" in lines[3] and "epoch 5/8 quantised" in lines[4]
    found = [float(line.split("accuracy ")[1].split()[0]) for line in lines[4:8]]
    assert max(found) == pytest.approx(told["validation_accuracy"], abs=1e-4)
    assert told["epoch"] == 5 + found.index(max(found))

    ann = spikezip_checkpoint.load(path)
    tokens, labels = samples_of(ann, path)
    assert len(labels) == 30 and accuracy(ann, tokens, labels) == told["accuracy"]
    before = {name: tensor.clone() for name, tensor in ann.state_dict().items()}
    for name, tensor in freeze(ann).state_dict().items():
        assert torch.equal(tensor, before[name]), name

    capsys.readouterr()
    assert not run("spikezip", "check", path, "--images", 12)
    said = capsys.readouterr().out
    assert "tiny: 0 of" in said and "12 sentences" in said and "blocks.0.attention" in said
    assert not run("spikezip", "curve", "--checkpoints", folder / "nets", "--images", 30,
                   "--out", folder / "curve.json")  # fmt: skip
    report = json.loads((folder / "curve.json").read_text())
    curve = report["curves"]["tiny"]
    assert report["test_sentences"] == 30 and len(curve["accuracy"]) == 40
    assert curve["accuracy"][-1] == curve["ann_accuracy"] == told["accuracy"]
    assert curve["agreement"][-1] == 1
    assert (folder / "curve.png").stat().st_size > 1000
    assert not run("sops", "--checkpoint", path, "--images", 5, "--out", folder / "sops.json")
    energy = json.loads((folder / "sops.json").read_text())
    assert energy["mac"] == 0 and energy["energy_pj"] == pytest.approx(0.9 * energy["ac"])

    for arguments, words in (
        (("spikezip", "check", path, "--data", "cifar10"), "takes the sentences of mr"),
        (("sops", "--checkpoint", path, "--data", "./mine"), "takes the sentences of mr"),
        (("inputs", "--checkpoint", path), "`psf spikezip check"),
    ):
        assert run(*arguments) == 2
        assert words in sentence(capsys)


def test_a_training_that_was_cut_goes_on(folder, monkeypatch):
    """Resumed after epoch 5, it ends with the weights of one that was not cut."""
    config = folder / "tiny.toml"
    train(config, folder / "a", folder / "a.safetensors", False, "")
    save = loop.save_state

    def cut(path, model, optimiser, schedule, generator, epoch, epochs):
        save(path, model, optimiser, schedule, generator, epoch, epochs)
        if epoch == 5:
            raise KeyboardInterrupt

    monkeypatch.setattr("golden.lab.spikezip.train_text.save_state", cut)
    with pytest.raises(KeyboardInterrupt):
        train(config, folder / "b", folder / "b.safetensors", False, "")
    monkeypatch.undo()
    monkeypatch.setenv("MR_DIR", str(folder / "mr"))
    with pytest.raises(UserError, match="holds 5 of 8 epochs of a training that was stopped"):
        train(config, folder / "b", folder / "b.safetensors", False, "")
    train(config, folder / "b", folder / "b.safetensors", True, "")
    a, b = (spikezip_checkpoint.load(folder / f"{name}.safetensors") for name in "ab")
    assert all(torch.equal(tensor, b.state_dict()[name]) for name, tensor in a.state_dict().items())


def test_batches_hold_every_sentence_once():
    generator = torch.Generator().manual_seed(3)
    tokens = torch.full((500, 12), PAD)
    for i, row in enumerate(tokens):
        row[: 1 + i % 12] = UNKNOWN + 1
        row[0] = START
    parts = list(batches(tokens, 8, generator))
    assert sorted(torch.cat(parts).tolist()) == list(range(500))
    spread = [np.ptp((tokens[part] != PAD).sum(1).numpy()) for part in parts]
    assert np.mean(spread) < 2
    given = hidden(tokens[:5], 0.5, generator)
    assert given.shape == (5, 5) and (given[:, 0] == START).all()
    assert torch.equal(given == PAD, tokens[:5, :5] == PAD)
    share = (hidden(tokens, 0.25, generator) == UNKNOWN).sum() / (tokens > START).sum()
    assert 0.2 < share < 0.3


def test_mistakes_are_sentences(folder, tmp_path, monkeypatch, capsys):
    """Exit status 2, one line."""
    vit = tmp_path / "vit.safetensors"
    spikezip_checkpoint.save(vit, QuantViT(VitConfig(patch=14, dim=8, depth=1, heads=2)), {})
    wrong = tmp_path / "wrong.toml"
    train_text = ("spikezip", "train-text", "--run", tmp_path / "run", "--config")
    for text, words in (
        ("[network]\npatch = 7\n", "there is no setting 'network.patch'"),
        ("[network]\nheads = 8\n", "head width of 4, 16 or 64"),
        ("[network]\nlength = 1\n", "network.length is 1"),
        ("[train]\nfold = 10\n", "train.fold is 10"),
        ("[train]\ndropout = 1.0\n", "train.dropout is 1.0"),
        ("[qat]\nfloat_epochs = 20\n", "qat.float_epochs is 20"),
    ):
        wrong.write_text(text)
        assert run(*train_text, wrong) == 2
        assert words in sentence(capsys)
    monkeypatch.setenv("MR_DIR", str(tmp_path / "nowhere"))
    assert run(*train_text, folder / "tiny.toml") == 2
    assert f"{tmp_path}/nowhere/rt-polarity.neg does not exist" in sentence(capsys)
    assert run("spikezip", "check", vit, "--data", "mr") == 2
    assert "mr has sentences, and images are needed" in sentence(capsys)
    assert run("data", "show", "mr", "--out", tmp_path / "a.png") == 2
    assert "mr has sentences" in sentence(capsys)
    text = QuantTextEncoder(TextConfig(dim=8, depth=1, heads=2), Vocabulary(["good"]))
    spikezip_checkpoint.save(tmp_path / "text.safetensors", text, {})
    assert run("spikezip", "curve", "--checkpoints", tmp_path, "--out", tmp_path / "c.json") == 2
    assert "holds networks of images and of sentences: put them into a" in sentence(capsys)
    with pytest.raises(UserError, match="a quantised text encoder of `psf spikezip` is needed"):
        spikezip_checkpoint.load(vit, "text")
    with pytest.raises(UserError, match=r"network\.level is 12"):
        TextConfig(level=12)
