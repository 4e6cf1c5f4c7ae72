# SPDX-License-Identifier: Apache-2.0
"""What modules of a torch model give while it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def watching(
    modules: Mapping[str, nn.Module], see: Callable[[str, torch.Tensor], None]
) -> Iterator[None]:
    """``see(name, output)`` for every forward pass of each of ``modules`` inside the context."""
    hooks = [
        module.register_forward_hook(lambda _m, _i, out, name=name: see(name, out))
        for name, module in modules.items()
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
