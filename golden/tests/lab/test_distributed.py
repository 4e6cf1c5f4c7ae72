# SPDX-License-Identifier: Apache-2.0
"""Two real processes under torchrun train like one, and doing it wrong would be seen."""

import json
import os
import re
import subprocess
import sys

import pytest
import torch
from torch import nn

from golden.contract.errors import UserError
from golden.contract.settings import load
from golden.lab.networks.backbones.spikingformer import Spikingformer
from golden.lab.train import distributed
from golden.lab.train.loop import fit
from golden.lab.train.loss_curve import curve
from golden.lab.train.training_config import RunConfig, TrainConfig
from golden.tests.ddp_worker import SMALL

EXACT = 1e-9
WRONG = ("norms not synced", "everybody the same share", "gradients not averaged")


def torchrun(*arguments, processes=2):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone",
               f"--nproc-per-node={processes}", *map(str, arguments)]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, timeout=240,
                          env=os.environ | {"OMP_NUM_THREADS": "1"})  # fmt: skip


@pytest.fixture
def found(data, tmp_path):
    """What both processes found, and the folder with their runs."""
    run = torchrun("-m", "golden.tests.ddp_worker", tmp_path)
    assert run.returncode == 0, run.stderr
    return [json.loads((tmp_path / f"rank{rank}.json").read_text()) for rank in (0, 1)], tmp_path


def apart(one, several):
    return max(abs(a - b) for a, b in zip(one, several, strict=True))


@pytest.mark.long
def test_two_processes_train_like_one(found):
    both, folder = found
    one = curve(SMALL, folder / "one")
    assert len(one) == 6
    for of_rank in both:
        assert apart(one, of_rank["right"]) < EXACT
    assert [name for name in WRONG if apart(one, both[0][name]) < 1e-6] == []

    # One log, one checkpoint, the statistics of one process in it.
    lines = [
        [x for x in (folder / run / "log.txt").read_text().splitlines() if "warning" not in x]
        for run in ("one", "right")
    ]
    assert [len(log) for log in lines] == [4, 4]
    without_seconds = [re.sub(r"\d+ s$", "", line) for log in lines for line in log]
    assert without_seconds[:4] == without_seconds[4:]
    assert len(list((folder / "right").glob("events*"))) == 1
    states = [torch.load(folder / run / "last.pt")["model"] for run in ("one", "right")]
    assert states[0].keys() == states[1].keys()
    for name, tensor in states[0].items():
        assert torch.allclose(tensor, states[1][name], rtol=0, atol=1e-7), name

    # Checkpoints are interchangeable, and a stopped run goes on to the same weights.
    model = Spikingformer(SMALL.network)
    fit(model, SMALL.train, folder / "right", resume=True)
    total = sum(float(p.detach().sum()) for p in model.parameters())
    assert both[0]["resumed"] == both[1]["resumed"] == pytest.approx(total, abs=1e-7)
    assert "not a multiple of their number, 2" in both[0]["odd"]

    norm = nn.BatchNorm1d(5).double()
    torch.manual_seed(3)
    images = (torch.randn(12, 5, dtype=torch.float64) * 3 + 1).requires_grad_()
    slope = torch.randn(12, 5, dtype=torch.float64)
    nn.init.normal_(norm.weight)
    out = norm(images)
    (out * slope).sum().backward()
    halves = [[torch.tensor(x, dtype=torch.float64) for x in of_rank["norms"]] for of_rank in both]
    wanted = [out, images.grad]
    for index, tensor in enumerate(wanted):
        got = torch.cat([half[index] for half in halves]).view(12, 5)
        assert torch.allclose(got, tensor, atol=1e-12)
    # DDP averages: half of the sum.
    wanted = [norm.weight.grad / 2, norm.bias.grad / 2, norm.running_mean, norm.running_var]
    for index, tensor in enumerate(wanted, 2):
        for half in halves:
            assert torch.allclose(half[index], tensor, atol=1e-12)


def test_the_command_line_under_torchrun(data, tmp_path):
    """An error of all processes is one line, whichever process says it."""
    (tmp_path / "a.toml").write_text("[train]\nbatch_size = 15\nimages = 48\n")
    run = torchrun("-m", "--", "golden", "train", "--config", tmp_path / "a.toml", "--run",
                   tmp_path / "run", "--out", tmp_path / "out.safetensors")  # fmt: skip
    assert run.returncode != 0
    lines = [line for line in run.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert "batch_size 15" in lines[0]
    assert "golden/" not in run.stderr  # no traceback of ours
    assert not (tmp_path / "out.safetensors").exists()


def test_devices(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert distributed.device("cpu") == distributed.device("auto") == torch.device("cpu")
    with pytest.raises(UserError, match="torch sees none"):
        distributed.device("cuda")
    with pytest.raises(UserError, match=r"train.device is 'tpu'"):
        TrainConfig(device="tpu")
    (tmp_path / "a.toml").write_text("[train]\nprecision = 'float16'\n")
    with pytest.raises(UserError, match=r"train.precision is 'float16'"):
        load(tmp_path / "a.toml", RunConfig)


def test_one_process_needs_no_group():
    assert distributed.ranks() == distributed.Ranks()
    model = nn.BatchNorm1d(3)
    with distributed.parallel(model) as network:
        assert network is model
