# SPDX-License-Identifier: Apache-2.0
"""A pruning method from a file: the example of the guide, and every mistake one can make."""

from pathlib import Path

import pytest
import torch

from golden.contract import paths
from golden.contract.errors import UserError
from golden.contract.settings import load
from golden.lab.networks.backbones.spikingformer import Spikingformer
from golden.lab.networks.network_config import NetworkConfig
from golden.lab.prune.network_masks import PruneConfig, prunable, set_masks, sparsity
from golden.lab.prune.pruning_config import PruneRunConfig

GUIDE = paths.ROOT / "docs/guide/first_walk.md"
SMALL = NetworkConfig(depth=1, dim=32, heads=2, height=8, width=8)
HEAD = "import torch\ndef method(values, config, sparsity):\n    return "


def example() -> str:
    """The method that the guide writes to mine.py."""
    text = GUIDE.read_text()
    return text.split("cat > mine.py <<'END'\n")[1].split("END\n")[0]


def written(folder: Path, text: str) -> str:
    (folder / "mine.py").write_text(text)
    return f"{folder / 'mine.py'}:method"


def test_the_example_of_the_guide(tmp_path):
    torch.manual_seed(1)
    model, lanes = Spikingformer(SMALL), 4
    method = written(tmp_path, example())
    set_masks(model, PruneConfig(method=method, lanes=lanes), searching=True)
    first = {name: layer.mask.clone() for name, layer in prunable(model).items()}
    for name, layer in prunable(model).items():
        per_lane = -(-len(layer.weight) // lanes)
        for lane in range(lanes):
            kept = layer.mask.flatten(1)[lane::lanes].sum(0)
            assert (kept == max(1, round(0.25 * per_lane))).all(), name
    assert 0.5 < sparsity(model) < 0.8
    magnitude = PruneConfig(lanes=lanes)
    set_masks(model, magnitude, searching=True)
    assert any((layer.mask != first[name]).any() for name, layer in prunable(model).items())
    set_masks(model, PruneConfig(method=method, lanes=lanes), searching=True)
    assert all((layer.mask == first[name]).all() for name, layer in prunable(model).items())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\n", "has no function or class 'method'"),
        ("import nowhere_to_be_found\n", "cannot be read"),
        (HEAD + "{}\n", "one mask for every layer"),
        (HEAD + "{n: v[:1] * 0 for n, v in values.items()}\n", "must be zeros and ones of shape"),
        (HEAD + "{n: v * 0 + 2 for n, v in values.items()}\n", "must be zeros and ones of shape"),
    ],
)
def test_mistakes(tmp_path, text, message):
    config = PruneConfig(method=written(tmp_path, text))
    with pytest.raises(UserError, match=message):
        set_masks(Spikingformer(SMALL), config, searching=True)


def test_no_file(tmp_path):
    config = PruneConfig(method=f"{tmp_path / 'none.py'}:method")
    with pytest.raises(UserError, match="there is no file"):
        set_masks(Spikingformer(SMALL), config, searching=True)
    with pytest.raises(UserError, match=r"prune\.method is 'none', it must be one of balanced"):
        PruneConfig(method="none")


def test_the_short_configuration_takes_the_name(tmp_path):
    """As the guide makes it, with sed."""
    text = (paths.CONFIGS / "pruning/quick.toml").read_text()
    assert text.count('"balanced"') == 1
    (tmp_path / "mine.toml").write_text(text.replace('"balanced"', '"mine.py:method"'))
    assert load(tmp_path / "mine.toml", PruneRunConfig).prune.method == "mine.py:method"
