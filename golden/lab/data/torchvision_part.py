# SPDX-License-Identifier: Apache-2.0
"""What spikingjelly's data sets use of torchvision, for machines where that does not import.

`import spikingjelly.datasets` imports torchvision and torchaudio, which have no build that fits
every CPU build of torch (requirements-nodeps.txt), although its event data sets need only a walk
through folders, an MD5 sum and an unpacker. Where torchvision imports, it is used; otherwise the
functions below stand in for it while spikingjelly is imported, and are gone from sys.modules after.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any


class DatasetFolder:
    """root/<class>/**/<sample>: samples [(path, class index)], classes sorted by name, as
    torchvision.datasets.DatasetFolder orders them."""

    def __init__(
        self,
        root: str | Path,
        loader: Callable[[str], Any],
        extensions: tuple[str, ...] = (),
        transform: Callable | None = None,
        target_transform: Callable | None = None,
    ) -> None:
        self.root, self.loader = str(root), loader
        self.transform, self.target_transform = transform, target_transform
        self.classes = sorted(entry.name for entry in Path(root).iterdir() if entry.is_dir())
        self.samples = [
            (str(path), index)
            for index, name in enumerate(self.classes)
            for path in sorted((Path(root) / name).rglob("*"))
            if path.suffix in extensions
        ]
        self.targets = [index for _, index in self.samples]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, target = self.samples[index]
        sample = self.loader(path)
        if self.transform is not None:
            sample = self.transform(sample)
        return sample, self.target_transform(target) if self.target_transform else target


def check_integrity(fpath: str | Path, md5: str | None = None) -> bool:
    """Whether the file is there and has this MD5 sum."""
    path = Path(fpath)
    if not path.is_file():
        return False
    if md5 is None:
        return True
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "md5").hexdigest() == md5


def extract_archive(from_path: str | Path, to_path: str | Path | None = None) -> str:
    """Unpack a zip or tar file; a tar member may not leave the folder."""
    path, folder = Path(from_path), Path(to_path or Path(from_path).parent)
    if path.suffix == ".zip":
        shutil.unpack_archive(path, folder)
    else:
        shutil.unpack_archive(path, folder, filter="data")
    return str(folder)


def spikingjelly_datasets(name: str) -> ModuleType:
    """The module spikingjelly.datasets.<name>."""
    with contextlib.nullcontext() if _importable("torchvision", "torchaudio") else _stand_ins():
        return importlib.import_module(f"spikingjelly.datasets.{name}")


def _importable(*names: str) -> bool:
    for name in names:
        try:
            importlib.import_module(name)
        except Exception:  # a build for another torch fails with RuntimeError or OSError
            for part in [part for part in sys.modules if part.partition(".")[0] == name]:
                del sys.modules[part]
            return False
    return True


@contextlib.contextmanager
def _stand_ins() -> Iterator[None]:
    def refuse(*_args: Any, **_named: Any) -> None:
        raise NotImplementedError("nothing is downloaded")

    vision, datasets = ModuleType("torchvision"), ModuleType("torchvision.datasets")
    functions, audio = ModuleType("torchvision.datasets.utils"), ModuleType("torchaudio")
    vision.transforms = ModuleType("torchvision.transforms")
    vision.datasets, datasets.utils, datasets.DatasetFolder = datasets, functions, DatasetFolder
    functions.check_integrity, functions.extract_archive = check_integrity, extract_archive
    functions.download_url = functions.verify_str_arg = refuse
    modules = {module.__name__: module for module in (vision, datasets, functions, audio)}
    before = {name: sys.modules.get(name) for name in modules}
    sys.modules.update(modules)
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
