# SPDX-License-Identifier: Apache-2.0
"""What golden/tests/lab/test_distributed.py runs under torchrun, with a folder as argument.

Trains the same network several times and writes the losses, once as it should be and once for each
way of doing it wrong.
"""

import json
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from golden.contract.errors import UserError
from golden.lab.networks.backbones.spikingformer import Spikingformer
from golden.lab.networks.network_config import NetworkConfig
from golden.lab.train import distributed
from golden.lab.train.loop import Hooks, fit
from golden.lab.train.loss_curve import curve
from golden.lab.train.training_config import RunConfig, TrainConfig

SMALL = RunConfig(
    NetworkConfig(depth=1, dim=16, heads=2, timesteps=2),
    TrainConfig(
        epochs=2, batch_size=8, images=24, monitor_images=8, precision="float64", early_epochs=1,
        early_timesteps=1, learning_rate=1e-2,
    ),
)  # fmt: skip


class Stop(Exception):
    pass


def stopped(folder: Path) -> Spikingformer:
    """Trained to the end after a stop behind the first epoch."""

    def stop(epoch):
        if epoch == 1:
            raise Stop

    for resume in (False, True):
        torch.manual_seed(SMALL.train.seed)
        model = Spikingformer(SMALL.network)
        try:
            fit(model, SMALL.train, folder, resume, Hooks(before_epoch=Hooks.before_epoch if resume
                                                         else stop))  # fmt: skip
        except Stop:
            torch.distributed.barrier()  # until the first process has written last.pt
    return model


@contextmanager
def replaced(owner, name, value):
    kept = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, kept)


def norms() -> list[list[float]]:
    """Output, gradients and running statistics of a BatchNorm of this process's half."""
    torch.manual_seed(3)
    data = torch.randn(12, 5, dtype=torch.float64) * 3 + 1
    slope = torch.randn(12, 5, dtype=torch.float64)
    norm = nn.BatchNorm1d(5).double()
    nn.init.normal_(norm.weight)
    share = distributed.ranks().share(data).requires_grad_()
    with distributed.parallel(norm) as network:
        out = network(share)
        (out * distributed.ranks().share(slope)).sum().backward()
    assert type(norm) is nn.BatchNorm1d
    found = [out, share.grad, norm.weight.grad, norm.bias.grad, norm.running_mean, norm.running_var]
    return [tensor.detach().flatten().tolist() for tensor in found]


def main(folder: Path) -> None:
    ranks = distributed.ranks()
    found = {"right": curve(SMALL, folder / "right"), "norms": norms()}
    with replaced(distributed, "_synced", lambda kind: kind):
        found["norms not synced"] = curve(SMALL, folder / "wrong")
    with replaced(distributed.Ranks, "share", lambda self, batch: batch.chunk(self.size)[0]):
        found["everybody the same share"] = curve(SMALL, folder / "wrong")
    with replaced(distributed, "DistributedDataParallel", lambda model, **_: model):
        found["gradients not averaged"] = curve(SMALL, folder / "wrong")
    found["resumed"] = sum(float(p.double().sum()) for p in stopped(folder / "part").parameters())
    try:
        curve(replace(SMALL, train=replace(SMALL.train, batch_size=9)), folder / "odd")
    except UserError as error:
        found["odd"] = str(error)
    (folder / f"rank{ranks.rank}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    with distributed.processes():
        main(Path(sys.argv[1]))
