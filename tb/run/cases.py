# SPDX-License-Identifier: Apache-2.0
"""Elaboration variation of a pytest case: one build for each set of parameters."""

from collections.abc import Mapping

import pytest

from tb.run.runner import run
from tb.run.sources import BuildFailed


def label(parameters: Mapping[str, int] | str) -> str:
    """The values, as in ``16x20``: the name of a case; a word is its own name."""
    return parameters if isinstance(parameters, str) else "x".join(map(str, parameters.values()))


def cases(*parameters: Mapping[str, int]) -> pytest.MarkDecorator:
    """A decorator: run the case with each of these ``parameters``."""
    return pytest.mark.parametrize("parameters", parameters, ids=label)


def refused(module: str, parameters: Mapping[str, int], sentence: str) -> None:
    """``module`` must not build with these parameters, and say why."""
    with pytest.raises(BuildFailed, match=sentence):
        run(module, "nothing to run", parameters)
