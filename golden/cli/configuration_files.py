# SPDX-License-Identifier: Apache-2.0
"""The reference page of all TOML files, made from the classes that read them.

python -m golden.cli.configuration_files           write it
python -m golden.cli.configuration_files --check   status 1 when it is not as it would be made
"""

from __future__ import annotations

import html
import inspect
import json
import sys
from collections.abc import Iterator

from golden.cli.sweep.config import SweepConfig
from golden.contract.paths import ROOT
from golden.contract.settings import Key, Settings, keys
from golden.lab.prune.lottery import LotteryConfig
from golden.lab.prune.pruning_config import PruneRunConfig
from golden.lab.spikezip.spikezip_config import SpikezipConfig
from golden.lab.spikezip.text_config import TextRunConfig
from golden.lab.studies.pruning_methods import CompareConfig
from golden.lab.studies.sparsity_curves import CurvesConfig
from golden.lab.studies.spike_prices import SpikesConfig
from golden.lab.train.training_config import RunConfig

PAGE = ROOT / "docs/reference/configuration_files.md"
# By the command that reads it: the class, and files that come with the project.
FILES: dict[str, tuple[type[Settings], str]] = {
    "psf train": (RunConfig, "`default.toml`, `zoo/`, `ddp.toml` (of `psf ddp-check`)"),
    "psf prune": (
        PruneRunConfig,
        "`balanced.toml`, `unstructured.toml`, `codebook75.toml`, `export/`, `pruning/quick.toml`",
    ),
    "psf lottery": (LotteryConfig, "`pruning/lottery.toml`"),
    "psf sweep": (SweepConfig, "`sweep/small.toml`"),
    "psf curves": (CurvesConfig, "`curves.toml`"),
    "psf methods": (CompareConfig, "`pruning/compare.toml`"),
    "psf spikes": (SpikesConfig, "`spikes.toml`"),
    "psf spikezip train": (SpikezipConfig, "`spikezip/level16.toml`, `spikezip/level8.toml`"),
    "psf spikezip train-text": (TextRunConfig, "`spikezip/mr.toml`, `spikezip/mr_level8.toml`"),
}
HEAD = """<!-- SPDX-License-Identifier: Apache-2.0 -->
<!-- generated, the whole page: python -m golden.cli.configuration_files -->
# Configuration files

A command that trains reads its settings from a TOML file, `--config FILE`. Those that come with the
project are in `golden/configs/`. A key that a file leaves out has its default. A key that does not
exist, a value of the wrong type and a value outside its range are errors of one sentence that names
file, key, value and range.

The tables below are made from the classes that read the files. After a change there run
`python -m golden.cli.configuration_files`; `make lint` fails when this page is stale.

| command | tables | files in `golden/configs/` |
| --- | --- | --- |
"""


def page() -> str:
    """The text of the page."""
    out, order = [HEAD], _classes()
    for command, (kind, files) in FILES.items():
        tables = [f"[`[{name}]`](#{_anchor(k)})" for name, k in tables_of(kind) if name]
        out.append(f"| [`{command}`](#{_anchor(kind)}) | {', '.join(tables)} | {files} |\n")
    for kind in order:
        out.append(_section(kind))
    return "".join(out)


def tables_of(kind: type[Settings], prefix: str = "") -> Iterator[tuple[str, type[Settings]]]:
    """(name, class) of a file and of every table in it; the file itself has the name ''."""
    yield prefix, kind
    for name, key in keys(kind).items():
        if key.table is not None:
            yield from tables_of(key.table, f"{prefix}.{name}".lstrip("."))


def _classes() -> list[type[Settings]]:
    """Every class once: files first, then what is in them."""
    files = [kind for kind, _ in FILES.values()]
    inner = [k for kind in files for name, k in tables_of(kind) if name]
    return list(dict.fromkeys([*files, *inner]))


def _title(kind: type[Settings]) -> str:
    command = next((c for c, (k, _) in FILES.items() if k is kind), None)
    if command is not None:
        return f"The file of {command}"
    names = dict.fromkeys(
        name.split(".")[-1] for k, _ in FILES.values() for name, found in tables_of(k)
        if found is kind
    )  # fmt: skip
    return f"{' and '.join(f'[{name}]' for name in names)}: {kind.__name__}"


def _anchor(kind: type[Settings]) -> str:
    kept = "".join(c for c in _title(kind).lower() if c.isalnum() or c in " -_")
    return kept.strip().replace(" ", "-")


def _section(kind: type[Settings]) -> str:
    rows = [(name, key) for name, key in keys(kind).items() if key.table is None]
    text = f"\n## {_title(kind)}\n\n"
    text += f"`{kind.__module__}.{kind.__name__}`. {_first_sentence(kind)}\n"
    if not rows:
        return text + "\nTables only.\n"
    text += "\n| key | default | allowed | meaning |\n| --- | --- | --- | --- |\n"
    for name, key in rows:
        text += f"| `{name}` | {_default(key)} | {_cell(key.allowed)} | {_cell(key.meaning)} |\n"
    return text


def _first_sentence(kind: type[Settings]) -> str:
    text = " ".join(inspect.getdoc(kind).split())
    return html.escape(text.partition(". ")[0].rstrip("."), quote=False) + "."


def _default(key: Key) -> str:
    if key.default is None or key.default == "":
        return "none"
    return f"`{_cell(json.dumps(key.default))}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> None:
    """Write or check the page."""
    text = page()
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(text)
    elif not PAGE.is_file() or PAGE.read_text() != text:
        print(f"{PAGE.relative_to(ROOT)}: stale; run `python -m golden.cli.configuration_files`")
        sys.exit(1)


if __name__ == "__main__":
    main()
