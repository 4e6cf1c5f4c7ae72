# SPDX-License-Identifier: Apache-2.0
"""The lint check of the documents' links: it finds every kind of wrong one, and no right one."""

from pathlib import Path

import pytest

from scripts.links import anchors, links

PAGE = "# A page\n\n## Two words: `code` (and more)\n\n## Twice\n\n## Twice\n\n<a id='here'></a>\n"
RIGHT = """[a](page.md) [b](page.md#twice) [c](page.md#twice_1) [d](#own-heading) [e](https://x.y/z#q)
[f](page.md#two-words-code-and-more "title") ![g](../img/p.svg) [h][ref] [i [j]](page.md#here)

## Own heading

`[not](a link)`, `golden/<name>.py`, `golden/` and `rtl/*.sv` and `build/x` and

```
[nor](this one)
```

[ref]: page.md
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """README.md, two pages and a picture, all right."""
    for name, text in {
        "README.md": "[x](docs/guide/page.md#a-page)\n",
        "docs/guide/page.md": PAGE,
        "docs/guide/other.md": RIGHT,
        "docs/img/p.svg": "",
        "golden/there.py": "",
        "mkdocs.yml": "site: x\nnav:\n  - A: guide/page.md\n  - B: guide/other.md\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_right_ones(project):
    assert links(project) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[x](none.md)", "'none.md' leads to no file"),
        ("![x](../img/none.svg)", "'../img/none.svg' leads to no file"),
        ("[x](page.md#three)", "'page.md#three' names no heading of page.md"),
        ("[x](#three)", "'#three' names no heading of other.md"),
        ("[x][r]\n\n[r]: none.md", "'none.md' leads to no file"),
        ("[x](../../README.md)", "'../../README.md' leads out of docs/"),
        ("a `golden/none.py`", "there is no file 'golden/none.py'"),
    ],
)
def test_wrong_ones(project, text, found):
    (project / "docs/guide/other.md").write_text(f"# Other\n\n{text}\n")
    (line,) = links(project)
    place, _, said = line.partition(": ")
    assert place == f"docs/guide/other.md:{3 + 2 * text.count('[r]:')}"
    assert found in said


def test_nav(project):
    (project / "docs/new.md").write_text("# New\n")
    (project / "docs/guide/page.md").unlink()
    (project / "README.md").unlink()
    (project / "docs/guide/other.md").write_text("# Other\n")
    assert links(project) == [
        "mkdocs.yml: no page docs/guide/page.md", "mkdocs.yml: docs/new.md is not in nav"
    ]  # fmt: skip


def test_anchors():
    assert {"a-page", "two-words-code-and-more", "twice", "twice_1", "here"} <= anchors(PAGE)
