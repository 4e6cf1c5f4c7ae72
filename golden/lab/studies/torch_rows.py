# SPDX-License-Identifier: Apache-2.0
"""The paper's energy of any torch network, measured while it runs.

  SOP = firing rate of the input * T * FLOPs       E = 4.6 pJ * MAC + 0.9 pJ * SOP

Every product of matrices and every convolution of a forward pass is seen, whichever module or
function makes it (ConvBN, LinearBN, nn.Conv2d, nn.Linear, an attention's `q @ k`), and named after
the module that is running. Its input is looked at: {0, 1} is a layer of spikes and costs an AC per
spike and weight; anything else, integers too, costs a MAC per product, as the authors of
Spikingformer count (arXiv 2304.11954, energy_consumption_calculation/ in their repository).
That is the second of two calculations of their appendix G; in the first one (`integers="spikes"`)
an integer n of 0..30 is n spikes, so that a layer of integers costs the sum of its input in AC.

What runs is what counts: a first convolution that sees the image once is counted once, one that
sees it at every timestep T times. The exception is the head: the mean over tokens and timesteps
commutes with the FC and is taken first here, but where the head's kind puts the FC before the mean
('sn_fc_avgpool', 'fc_avgpool', 'avgpool_sn_fc') it is counted there, on what the LIF emits.
Products of two activations are driven by the sparser of those operands that are spikes. Elementwise
work (neurons, BatchNorm, residual additions, Hadamard attention) is no synaptic operation. Masked
weights count as weights: the paper's energy is that of the dense layer, `density` says how much of
it a machine that skips zeros has to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import prod

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from golden.contract.energy.paper_row import Row
from golden.contract.errors import UserError

CONVOLUTIONS = (torch.conv1d, torch.conv2d, torch.conv3d)
PRODUCTS = (
    torch.matmul, torch.bmm, torch.mm, torch.Tensor.matmul, torch.Tensor.bmm, torch.Tensor.mm,
    torch.Tensor.__matmul__, torch.Tensor.__rmatmul__,
)  # fmt: skip
UNKNOWN = (
    torch.nn.functional.scaled_dot_product_attention, torch.baddbmm, torch.addmm, torch.addbmm,
    torch.nn.functional.multi_head_attention_forward, torch.conv_transpose1d,
    torch.conv_transpose2d, torch.conv_transpose3d, torch.nn.functional.bilinear,
    torch._native_multi_head_attention, torch._transformer_encoder_layer_fwd,
)  # fmt: skip
INTEGERS = ("mac", "spikes")  # what an integer that enters a layer costs
MOST_SPIKES = 30  # the largest integer of the authors' first calculation
ORDER = ("", "spikes", "integers", "reals")  # of what enters; the later one wins over calls
FC_FIRST = (
    "sn_fc_avgpool",
    "fc_avgpool",
    "avgpool_sn_fc",
)  # heads, golden.lab.networks.backbones.head
BEFORE_HEAD = ("lif_head", "head.lif")  # the module whose output such a head sees


@dataclass
class _Sums:
    """Of one layer over several calls and batches."""

    flops: float = 0.0
    bias: float = 0.0
    density: float = 0.0  # sum of flops * density
    sides: list[_Side] = field(default_factory=list)


@dataclass
class _Side:
    """Of one operand that enters: the sum of flops * mean, and what it was."""

    means: float = 0.0
    values: str = ""
    small: bool = True  # all values lie in 0..MOST_SPIKES

    def add(self, tensor: torch.Tensor, flops: float) -> None:
        """One more call; what was real once is real."""
        values, mean = look(tensor)
        self.means += mean * flops
        self.values = max(self.values, values, key=ORDER.index)
        if values == "integers":
            self.small &= float(tensor.min()) >= 0 and float(tensor.max()) <= MOST_SPIKES


@torch.no_grad()
def measure(
    model: nn.Module, images: torch.Tensor, batch_size: int = 50, integers: str = "mac"
) -> list[Row]:
    """Every layer of `model` in evaluation mode, in the order of execution, averaged over `images`
    (n, C, H, W), uint8 or float in 0..1, or frames (T, n, C, H, W). integers: of INTEGERS.

    On the device 'meta' nothing is computed: FLOPs from the shapes alone, no rates.
    """
    time_first = images.dim() == 5
    count = images.shape[1] if time_first else images.shape[0]
    if not count:
        raise UserError("the energy of a network needs at least one image")
    kind = getattr(getattr(model, "config", None), "head", "")
    training, counter = model.training, Counter(kind in FC_FIRST)
    model.eval()
    try:
        with named(model, counter), torch.compiler.set_stance("force_eager"):
            for part in images.split(batch_size, dim=1 if time_first else 0):
                pixels = part if part.is_floating_point() else part.float() / 255
                with counter:
                    model(pixels)
    finally:
        model.train(training)
    return counter.rows(count, integers)


def look(tensor: torch.Tensor) -> tuple[str, float]:
    """(values, mean): 'spikes', 'integers' or 'reals'."""
    if tensor.is_meta:
        return "", 0.0
    values = tensor.detach().float()
    mean = float(values.mean(dtype=torch.float64))
    if bool(((values == 0) | (values == 1)).all()):
        return "spikes", mean
    return ("integers" if bool((values == values.round()).all()) else "reals"), mean


def _row(name: str, sums: _Sums, count: int, integers: str) -> Row:
    """The sparser of the operands that are spikes drives; without one, the first operand."""
    spikes = [side for side in sums.sides if side.values == "spikes"]
    side = min(spikes, key=lambda side: side.means) if spikes else sums.sides[0]
    flops = sums.flops
    return Row(
        name, flops / count, sums.bias / count, side.values, side.means / flops,
        sums.density / flops, integers == "spikes" and side.values == "integers" and side.small,
    )  # fmt: skip


@contextmanager
def named(model: nn.Module, counter: Counter) -> Iterator[None]:
    """Tell the counter which module is running."""
    hooks = []
    for name, module in model.named_modules():

        def enter(_module, _inputs, name=name) -> None:
            counter.running.append([name, 0])

        def leave(_module, _inputs, out, name=name) -> None:
            counter.running.pop()
            if name in BEFORE_HEAD:
                counter.before_head = out

        hooks.append(module.register_forward_pre_hook(enter))
        hooks.append(module.register_forward_hook(leave))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


class Counter(TorchFunctionMode):
    """Sees every call of a torch function while it is entered."""

    def __init__(self, fc_first: bool = False) -> None:
        super().__init__()
        self.fc_first = fc_first
        self.sums: dict[str, _Sums] = {}
        self.running: list[list] = []  # (module, products of two activations in it so far)
        self.before_head: torch.Tensor | None = None

    def rows(self, images: int, integers: str = "mac") -> list[Row]:
        """What was seen of so many images, by layer."""
        return [_row(name, sums, images, integers) for name, sums in self.sums.items()]

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function in UNKNOWN:
            raise UserError(
                f"layer {self._name()}: the products of {function.__name__} are not counted; write "
                "them as matmul"
            )
        out = function(*args, **kwargs)
        if function in CONVOLUTIONS or function is nn.functional.linear:
            self._layer(function, args, kwargs, out)
        elif function in PRODUCTS:
            self._product(args[0], args[1] if len(args) > 1 else kwargs["other"], out)
        elif function is torch.einsum:
            self._einsum(args[0], args[1:], out)
        return out

    def _layer(self, function, args, kwargs, out: torch.Tensor) -> None:
        given = dict(zip(("input", "weight", "bias"), args, strict=False)) | kwargs
        entering, weight, bias = given["input"], given["weight"], given.get("bias")
        per_output = prod(weight.shape[1:])
        times = 1
        if self.fc_first and self.running[-1][0] == "head" and self.before_head is not None:
            times = self.before_head.numel() // entering.numel()
            entering = self.before_head
        density = 1.0 if weight.is_meta else float((weight != 0).double().mean())
        outputs = out.numel() * times
        biased = outputs if bias is not None else 0
        self._add(self._name(), outputs * per_output, biased, [entering], density)

    def _product(self, left: torch.Tensor, right: torch.Tensor, out: torch.Tensor) -> None:
        self._pair(left, right, out.numel() * left.shape[-1])

    def _einsum(self, equation: str, operands, out: torch.Tensor) -> None:
        if len(operands) == 1 and isinstance(operands[0], list | tuple):
            operands = operands[0]
        if not isinstance(equation, str) or "." in equation or len(operands) != 2:
            raise UserError(
                f"layer {self._name()}: an einsum is counted with two operands and without '...'"
            )
        sizes: dict[str, int] = {}
        terms = equation.replace(" ", "").split("->")[0].split(",")
        for labels, operand in zip(terms, operands, strict=True):
            sizes |= dict(zip(labels, operand.shape, strict=True))
        self._pair(*operands, prod(sizes.values()))

    def _pair(self, left: torch.Tensor, right: torch.Tensor, flops: int) -> None:
        """A product of two activations, or of one and a parameter."""
        number = self.running[-1][1] = self.running[-1][1] + 1
        entering = [side for side in (left, right) if not isinstance(side, nn.Parameter)]
        self._add(f"{self._name()}.product{number}", flops, 0, entering)

    def _name(self) -> str:
        return self.running[-1][0] or "network"

    def _add(
        self, name: str, flops: int, bias: int, entering: list[torch.Tensor], density: float = 1.0
    ) -> None:
        sums = self.sums.setdefault(name, _Sums(sides=[_Side() for _ in entering]))
        sums.flops += flops
        sums.bias += bias
        sums.density += flops * density
        for side, tensor in zip(sums.sides, entering, strict=True):
            side.add(tensor, flops)
