# SPDX-License-Identifier: Apache-2.0
"""Training under torchrun: the same numbers as one process, up to the order of summation.

Every process draws the same global batch (same seed, same augmentation) and computes its share of
it; BatchNorm takes its statistics over all shares; DistributedDataParallel averages gradients.
Everything that training has to know about other processes is here; without torchrun all of it does
nothing.

torch's SyncBatchNorm takes CUDA tensors only, so `SyncedStatistics` stands in for it on any device:
the two sums of a BatchNorm are all-reduced, and so are their gradients. The class of the modules
changes, not the modules: parameters, buffers and their names stay those of one process. In float32
its sums are 20 times more accurate than those of torch's CPU kernel for (B, C): docs/log/scale.md.
"""

from __future__ import annotations

import functools
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import distributed, nn
from torch.distributed.rendezvous import rendezvous
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

from golden.contract.errors import UserError

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


@dataclass(frozen=True)
class Ranks:
    """This process among all: `rank` of `size`. The first one writes logs and checkpoints."""

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        return self.rank == 0

    def check(self, batch_size: int) -> None:
        """UserError unless the global batch can be split evenly."""
        if batch_size % self.size:
            raise UserError(
                f"train.batch_size {batch_size} is the batch of all processes together and not a "
                f"multiple of their number, {self.size}: change one of them"
            )

    def share(self, batch: torch.Tensor) -> torch.Tensor:
        """This process's part of a global batch (B, ...): B / size consecutive entries."""
        return batch.chunk(self.size)[self.rank]

    def mean(self, value: torch.Tensor) -> float:
        """Mean over the processes of a scalar."""
        value = value.detach().clone()
        if self.size > 1:
            distributed.all_reduce(value)
        return value.item() / self.size

    def own_noise(self, seed: int, epoch: int) -> None:
        """Let other processes than the first draw other random numbers in the forward pass."""
        if not self.first:
            torch.manual_seed((seed * 1_000_003 + epoch) * 10_007 + self.rank)

    def same_noise(self) -> None:
        """Go on with the random numbers of the first process."""
        if self.size > 1:
            state = torch.get_rng_state()
            distributed.broadcast(state, 0)
            torch.set_rng_state(state)


def ranks() -> Ranks:
    """The process group that `processes` has joined, or one process."""
    return Ranks(distributed.get_rank(), distributed.get_world_size()) if _grouped() else Ranks()


def _grouped() -> bool:
    return distributed.is_available() and distributed.is_initialized()


@contextmanager
def processes() -> Iterator[None]:
    """Join the process group that torchrun's environment describes; without one, nothing.

    CPU tensors go over gloo, CUDA tensors over nccl. If several processes fail, as they do when one
    breaks their connection, the first says why and the others end without a word.
    """
    if not {"RANK", "WORLD_SIZE", "MASTER_ADDR"} <= os.environ.keys():
        yield
        return
    store, rank, size = next(rendezvous("env://"))
    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)) % torch.cuda.device_count())
    backend = "cpu:gloo,cuda:nccl" if cuda else "gloo"
    distributed.init_process_group(backend, store=store, rank=rank, world_size=size)
    try:
        yield
        distributed.barrier()
    except Exception:
        if store.add("golden/failures", 1) > 1:
            sys.exit(2)
        raise
    distributed.destroy_process_group()


def device(name: str) -> torch.device:
    """The device of train.device in this process; 'auto' is CUDA where there is one."""
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise UserError("train.device is 'cuda', but torch sees none: choose 'cpu' or 'auto'")
    return torch.device("cuda", torch.cuda.current_device())


@contextmanager
def placed(model: nn.Module, name: str) -> Iterator[torch.device]:
    """`model` on the device of train.device, and on the CPU afterwards."""
    where = device(name)
    model.to(where)
    try:
        yield where
    finally:
        model.to("cpu")


@contextmanager
def parallel(model: nn.Module) -> Iterator[nn.Module]:
    """What to call in place of `model` while it is trained; `model` itself is what is trained.

    A group of one process takes the same path as one of several.
    """
    if not _grouped():
        yield model
        return
    norms = [(module, type(module)) for module in model.modules() if isinstance(module, _BatchNorm)]
    try:
        for module, kind in norms:
            module.__class__ = _synced(kind)
        # Networks may hold parameters that a forward pass does not use; DDP warns where none do.
        warnings.filterwarnings("ignore", "find_unused_parameters=True was specified")
        yield DistributedDataParallel(model, broadcast_buffers=False, find_unused_parameters=True)
    finally:
        for module, kind in norms:
            module.__class__ = kind


class SyncedStatistics:
    """Mixin of a BatchNorm: (B, C, ...) normalised in training with mean and variance of all
    processes, each of which has the same number of values. Evaluation is that of the base class."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return super().forward(x)
        self._check_input_dim(x)
        wide = torch.promote_types(x.dtype, torch.float32)
        dims = [dim for dim in range(x.dim()) if dim != 1]
        shape = [1, -1] + [1] * (x.dim() - 2)
        count = x.numel() // x.shape[1] * distributed.get_world_size()
        mean = SumOverRanks.apply(x.sum(dims, dtype=wide)) / count
        centred = x - mean.view(shape)
        variance = SumOverRanks.apply(centred.square().sum(dims)) / count
        self._track(mean.detach(), variance.detach() * (count / (count - 1)))
        gain = (variance + self.eps).rsqrt()
        gain = gain if self.weight is None else gain * self.weight
        out = centred * gain.view(shape)
        out = out if self.bias is None else out + self.bias.view(shape)
        return out.to(x.dtype)

    @torch.no_grad()
    def _track(self, mean: torch.Tensor, variance: torch.Tensor) -> None:
        if not self.track_running_stats:
            return
        self.num_batches_tracked += 1
        momentum = self.momentum
        if momentum is None:
            momentum = 1.0 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), momentum)
        self.running_var.lerp_(variance.to(self.running_var.dtype), momentum)


class SumOverRanks(torch.autograd.Function):
    """Sum of a tensor over all processes. Its gradient, for the sum of their losses, is the sum of
    the gradients."""

    @staticmethod
    def forward(ctx, x: torch.Tensor) -> torch.Tensor:
        total = x.contiguous().clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx, grad: torch.Tensor) -> torch.Tensor:
        return SumOverRanks.apply(grad)


@functools.cache
def _synced(kind: type[_BatchNorm]) -> type[_BatchNorm]:
    """`kind` with synced statistics: of a subclass, what it calls its base class."""
    base = next((norm for norm in NORMS if issubclass(kind, norm)), None)
    if base is None:
        raise UserError(f"{kind.__name__} layers cannot be trained in several processes")
    bases = (SyncedStatistics, base) if kind is base else (kind, SyncedStatistics, base)
    return type(f"Synced{kind.__name__}", bases, {})
