# SPDX-License-Identifier: Apache-2.0
"""What a foreign file of weights holds: tensors by name, and the settings of its training.

Read with `torch.load(weights_only=True)`: nothing in the file is executed. Settings are an
`argparse.Namespace` in files of timm's and torchvision's training scripts, so this class and
NumPy's scalars are allowed, which hold data only.
"""

from __future__ import annotations

import argparse
import pickle
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from golden.contract.errors import UserError
from golden.contract.unpacking import check_zip, first_line

HARMLESS = (
    argparse.Namespace,
    np.dtype,
    *{type(np.dtype(kind)) for kind in "?bBhHiIlLqQefd"},
    np._core.multiarray.scalar,
    (np._core.multiarray.scalar, "numpy.core.multiarray.scalar"),  # before NumPy 2
)
# Under which key training scripts keep the weights; the second name is their moving average.
WEIGHTS = ("state_dict", "model", "model_state_dict", "net")
AVERAGED = ("state_dict_ema", "model_ema")
SETTINGS = ("args", "arg", "config", "hyper_parameters")
WRAPPERS = ("module.", "_orig_mod.", "model.", "net.")
CONTAINER = re.compile(r"\.module\.(?=\d+\.)")  # spikingjelly: SeqToANNContainer of clock_driven
# State of neurons and counters of the profiler thop, which are no weights.
STRAY = re.compile(
    r"(^|\.)(((lif|sn)\w*|\w+_(lif|sn)\d*)\.(v|v_seq|spike|spike_seq)|total_(ops|params))$"
)


@dataclass
class State:
    """tensors: by name, without the prefixes of wrappers. settings: of the training, by option.
    spelled: the names as the file has them. ignored: names of tensors that nothing needs."""

    path: Path
    tensors: dict[str, torch.Tensor]
    settings: dict[str, Any] = field(default_factory=dict)
    spelled: dict[str, str] = field(default_factory=dict)
    averaged: bool = False  # a moving average of the weights is there, too
    ignored: list[str] = field(default_factory=list)

    def name(self, name: str) -> str:
        """A tensor's name as the file has it."""
        return self.spelled.get(name, name)

    def __contains__(self, name: str) -> bool:
        return name in self.tensors

    def shape(self, name: str, *dimensions: int) -> tuple[int, ...]:
        """Of a tensor that must be there, with one of these numbers of dimensions."""
        if name not in self.tensors:
            raise UserError(f"{self.path} has no tensor {name}")
        shape = tuple(self.tensors[name].shape)
        if dimensions and len(shape) not in dimensions:
            raise UserError(
                f"{self.path}: {self.name(name)} has shape {shape}, expected "
                f"{' or '.join(map(str, dimensions))} dimensions"
            )
        return shape

    def count(self, pattern: str) -> int:
        """How many numbers 0, 1, ... fill the gap in names such as `block.{}.attn.q_bn.bias`."""
        number = 0
        while pattern.format(number) in self.tensors:
            number += 1
        return number


def read(path: Path, averaged: bool = False) -> State:
    """A .pth, .pth.tar, .pt or .safetensors file; `averaged` takes the moving average of the
    weights that timm keeps beside them."""
    if not path.is_file():
        raise UserError(f"checkpoint {path} does not exist or is no file")
    content = _load(path)
    held = content
    keys = AVERAGED if averaged else WEIGHTS
    if not _weights(content):
        found = [key for key in keys if _weights(content.get(key))]
        if not found:
            raise UserError(
                f"{path} has no weights under {' or '.join(keys)}; its entries are "
                + (", ".join(map(str, list(content)[:8])) or "none")
            )
        held = content[found[0]]
    elif averaged:
        raise UserError(f"{path} holds weights alone, no moving average beside them")
    state = _clean(path, held)
    if held is not content:
        state.averaged = not averaged and any(key in content for key in AVERAGED)
        for key in SETTINGS:
            state.settings |= _settings(content.get(key))
    return state


def _load(path: Path) -> Mapping[str, Any]:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        if zipfile.is_zipfile(path):
            check_zip(path)
        with torch.serialization.safe_globals(list(HARMLESS)):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        if named is None:
            raise UserError(f"{path} is no file that torch.save wrote") from None
        raise UserError(
            f"{path} holds an object of {named[1]}, which is code and not weights; load it where "
            "it was made and save `model.state_dict()` alone"
        ) from None
    except Exception as error:  # a damaged file makes the unpickler stumble in any way
        raise UserError(f"{path} cannot be read ({first_line(error)})") from None
    if not isinstance(content, Mapping):
        raise UserError(f"{path} holds a {type(content).__name__}, not weights by name")
    return content


def _weights(content: Any) -> bool:
    """Whether this is a state dict: names with tensors, and nothing but numbers beside them."""
    return (
        isinstance(content, Mapping)
        and any(isinstance(value, torch.Tensor) for value in content.values())
        and all(isinstance(name, str) for name in content)
        and not any(isinstance(value, Mapping) for value in content.values())
    )


def _plain(tensor: Any) -> bool:
    """Is it a dense tensor of real numbers, all of which lie in the file?"""
    return (
        isinstance(tensor, torch.Tensor)
        and tensor.layout is torch.strided
        and tensor.device.type == "cpu"
        and not tensor.is_complex()
        and not tensor.is_quantized
        and tensor.numel() * tensor.element_size() <= tensor.untyped_storage().nbytes()
    )


def _settings(content: Any) -> dict[str, Any]:
    if isinstance(content, argparse.Namespace):
        content = vars(content)
    return dict(content) if isinstance(content, Mapping) else {}


def _clean(path: Path, held: Mapping[str, Any]) -> State:
    names = {name: name for name in held}
    while True:
        wrapper = next(
            (w for w in WRAPPERS if all(short.startswith(w) for short in names.values())), None
        )
        if wrapper is None:
            break
        names = {name: short.removeprefix(wrapper) for name, short in names.items()}
    names = {name: CONTAINER.sub(".", short) for name, short in names.items()}
    state = State(path, {})
    for name, short in names.items():
        tensor = held[name]
        if STRAY.search(short):
            state.ignored.append(name)
            continue
        if not _plain(tensor):
            raise UserError(f"{path}: {name} is no tensor of real numbers")
        if short in state.tensors:
            raise UserError(f"{path} holds {state.spelled[short]} and {name}, which are one tensor")
        if not tensor.numel():
            raise UserError(f"{path}: {name} is empty")
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise UserError(f"{path}: {name} holds numbers that are not finite")
        state.tensors[short], state.spelled[short] = tensor, name
    return state
