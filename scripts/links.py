# SPDX-License-Identifier: Apache-2.0
"""Every relative link and anchor in README.md, CHANGELOG.md and docs/**/*.md leads somewhere.

python scripts/links.py

Looked at are inline links and pictures, reference definitions, and the pages that mkdocs.yml names.
Links to other hosts are not fetched. A page of docs/ must not link out of docs/, which the built
site does not have; name such a file in code type instead: files of the sources that stand in code
type (`golden/contract/model.py`) must exist, too, but in CHANGELOG.md. Exit status 1 when anything
was found.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FENCE = re.compile(r"^ {0,3}(```|~~~).*?^ {0,3}\1[ \t]*$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)", re.DOTALL)
INLINE = re.compile(r"\[[^\]\[]*(?:\[[^\]]*\][^\]\[]*)*\]\(\s*<?([^)\s>]+)>?[^)]*\)")
DEFINITION = re.compile(r"^ {0,3}\[[^\]]+\]:\s*<?([^\s>]+)", re.MULTILINE)
HEADING = re.compile(r"^#{1,6}[ \t]+(.+?)[ \t]*#*[ \t]*$", re.MULTILINE)
EXTERNAL = re.compile(r"^[a-z][a-z0-9+.-]*:", re.IGNORECASE)
NAMED = re.compile(r"""(?:id|name)=["']([^"']+)["']""")
FILE = re.compile(
    r"(?<!`)`((?:docs|formal|golden|lint|rtl|scripts|synth|tb)/[\w./-]*|psf\.core|Bender\.yml)`(?!`)"
)
IN_NAV = re.compile(r"[\w./-]+\.md\b")


def anchors(text: str) -> set[str]:
    """Anchors of a page's headings, as GitHub and mkdocs both make them, and of its HTML ids."""
    text = FENCE.sub("", text)
    out, seen = set(NAMED.findall(text)), {}
    for heading in HEADING.findall(text):
        plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").replace("*", "")
        slug = re.sub(r"[^\w\- ]", "", plain.strip().lower()).replace(" ", "-")
        count = seen[slug] = seen.get(slug, -1) + 1
        out |= {slug, re.sub(r"-+", "-", slug).strip("-")} if not count else {f"{slug}_{count}"}
    return out


def _blank(match: re.Match[str]) -> str:
    """The lines of a match, empty, so that line numbers stay."""
    return "\n" * match.group().count("\n")


def _of_page(page: Path, root: Path) -> list[str]:
    text = CODE.sub(_blank, FENCE.sub(_blank, page.read_text(encoding="utf-8")))
    docs, found = root / "docs", []
    for match in [*INLINE.finditer(text), *DEFINITION.finditer(text)]:
        link = match.group(1)
        if EXTERNAL.match(link):
            continue
        where = f"{page.relative_to(root)}:{text.count(chr(10), 0, match.start(1)) + 1}"
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists():
            found.append(f"{where}: '{link}' leads to no file")
        elif page.is_relative_to(docs) and not target.is_relative_to(docs):
            found.append(f"{where}: '{link}' leads out of docs/; name the file in code type")
        elif anchor and target.suffix == ".md" and anchor not in anchors(target.read_text()):
            found.append(f"{where}: '{link}' names no heading of {target.name}")
    return found


def _files_of(page: Path, root: Path) -> list[str]:
    """Files of the sources that a page names and that are not there."""
    text = FENCE.sub(_blank, page.read_text(encoding="utf-8"))
    return [
        f"{page.relative_to(root)}:{text.count(chr(10), 0, match.start()) + 1}: there is no file "
        f"'{match.group(1)}'"
        for match in FILE.finditer(text)
        if not (root / match.group(1)).exists()
    ]


def _of_nav(pages: list[Path], root: Path) -> list[str]:
    """mkdocs.yml names every page of docs/ and no other."""
    config = root / "mkdocs.yml"
    if not config.is_file():
        return []
    named = set(IN_NAV.findall(config.read_text(encoding="utf-8").partition("\nnav:")[2]))
    there = {str(p.relative_to(root / "docs")) for p in pages if p.is_relative_to(root / "docs")}
    return [f"mkdocs.yml: no page docs/{name}" for name in sorted(named - there)] + [
        f"mkdocs.yml: docs/{name} is not in nav" for name in sorted(there - named)
    ]


def links(root: Path = ROOT) -> list[str]:
    """One line, ``file:line: what``, for each link that leads nowhere and each missing file."""
    pages = [root / "README.md", root / "CHANGELOG.md", *sorted((root / "docs").rglob("*.md"))]
    pages = [page for page in pages if page.is_file()]
    found = [line for page in pages for line in _of_page(page, root)]
    found += [line for p in pages if p.name != "CHANGELOG.md" for line in _files_of(p, root)]
    return found + _of_nav(pages, root)


if __name__ == "__main__":
    lines = links()
    print("\n".join(lines) or "links: clean")
    sys.exit(bool(lines))
