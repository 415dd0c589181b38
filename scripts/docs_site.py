"""Build the docs site: ``python scripts/docs_site.py`` (``make docs``), into ``build/docs``.

The pages of ``docs/`` are laid out in ``build/pages``, with the reference of the Python names.
Files of the repository that they link to become pages too, so that every link leads somewhere on a
machine without network. Zensical makes HTML of them (``mkdocs.yml``); beside every page lies its
Markdown, and ``llms.txt`` lists all. Every link and anchor of the result is followed: the exit code
is 1 where one leads nowhere.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urlsplit

import yaml

import reference_python

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = ROOT / "build" / "pages"
SITE = ROOT / "build" / "docs"
CONFIG = ROOT / "mkdocs.yml"
SHIM = "https://unpkg.com/iframe-worker/shim"
"""What lets a search work from ``file://``; ours is in ``docs/assets``."""
LINK = re.compile(r"(?<=\]\()([^)\s#]+)(#[^)\s]*)?(?=\))")
IMAGE = re.compile(r"(?<=\bsrc=\")([^\"#]+)()(?=\")")
SOURCE = re.compile(r"(?<=\bsrcset=\")([^\"#]+)()(?=\")")
LANGUAGES = {".py": "python", ".sh": "sh", ".toml": "toml", ".json": "json", ".yml": "yaml"}


def main() -> int:
    """Build the site; return 1 where a page is in no menu or a link leads nowhere."""
    shutil.rmtree(PAGES, ignore_errors=True)
    shutil.rmtree(SITE, ignore_errors=True)
    shutil.copytree(DOCS, PAGES)
    for page in sorted(DOCS.rglob("*.md")):
        lay_out(page)
    python = PAGES / "reference" / "python"
    python.mkdir()
    for package in reference_python.PACKAGES:
        name = f"{package or 'stitch_cir'}.md"
        (python / name).write_text(reference_python.page(package), encoding="utf-8")
    nav = navigation()
    astray = sorted(left_out(nav))
    if astray:
        print(
            f"in docs/ or in the navigation of mkdocs.yml, but not in both: {', '.join(astray)}",
            file=sys.stderr,
        )
        return 1
    command = [sys.executable, "-m", "zensical", "build", "--clean", "--strict"]
    built = subprocess.run([*command, "--config-file", str(CONFIG)], cwd=ROOT)
    if built.returncode:
        return built.returncode
    for page in sorted(SITE.rglob("*.html")):
        finish(page)
    (SITE / "llms.txt").write_text(index_for_models(nav), encoding="utf-8")
    problems = broken_links(SITE)
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{SITE.relative_to(ROOT)}/index.html: {len(list(SITE.rglob('*.html')))} pages")
    return int(bool(problems))


def lay_out(page: Path) -> None:
    """Write a page whose links to files outside of ``docs/`` lead to copies of these."""
    staged = PAGES / page.relative_to(DOCS)
    staged.write_text(relinked(page.read_text(encoding="utf-8"), page, staged), encoding="utf-8")


def relinked(text: str, source: Path, staged: Path) -> str:
    """Return Markdown of a file of the repository with links for its place in the site."""

    def moved(match: re.Match[str]) -> str:
        target = (source.parent / unquote(match[1])).resolve()
        if urlsplit(match[1]).scheme or not target.exists():
            return match[0]
        page = PAGES / target.relative_to(DOCS) if target.is_relative_to(DOCS) else copied(target)
        return os.path.relpath(page, staged.parent) + (match[2] or "")

    for pattern in (LINK, IMAGE, SOURCE):
        text = pattern.sub(moved, text)
    return text


def copied(target: Path) -> Path:
    """Return the page that shows a file or folder of the repository; write it where it is new."""
    path = target.relative_to(ROOT)
    staged = PAGES / "repository" / f"{path}.md"
    if staged.exists():
        return staged
    staged.parent.mkdir(parents=True, exist_ok=True)
    staged.touch()  # two files may link to each other
    if target.is_dir():
        names = [each.name for each in sorted(target.iterdir()) if is_shown(each)]
        text = relinked("\n".join(f"- [{name}]({name})" for name in names), target / "-", staged)
    elif target.suffix == ".md":
        text = relinked(target.read_text(encoding="utf-8"), target, staged)
    elif target.suffix == ".ipynb":
        cells = json.loads(target.read_text(encoding="utf-8"))["cells"]
        text = relinked("\n\n".join(part for cell in cells for part in shown(cell)), target, staged)
    else:
        language = LANGUAGES.get(target.suffix, "text")
        text = f"````{language}\n{target.read_text(encoding='utf-8')}\n````"
    title = "" if text.startswith("# ") else f"# {path.as_posix()}\n\n"
    staged.write_text(f"{title}{text}\n", encoding="utf-8")
    return staged


def shown(cell: dict[str, Any]) -> Iterator[str]:
    """Yield a cell of a notebook as Markdown: its text, or its code and what that showed."""
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        yield source
        return
    yield f"```python\n{source}\n```"
    for output in cell["outputs"]:
        data = output.get("data", {})
        if "text/html" in data:
            page = "".join(data["text/html"]).replace("\n", " ")
            yield f'<div class="notebook-output" tabindex="0">{page}</div>'
        else:
            yield f"```text\n{''.join(output.get('text') or data['text/plain']).rstrip()}\n```"


def is_shown(path: Path) -> bool:
    """Return whether a file of a folder is worth a page: no caches, nothing that is no text."""
    if path.name.startswith((".", "__")) or path.suffix in (".png", ".jpg", ".gif"):
        return False
    return not path.is_dir() or any(is_shown(each) for each in path.iterdir())


def navigation() -> list[tuple[str, str, str]]:
    """Return every entry of the navigation: (section, title, page)."""
    return list(entries(yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["nav"], ""))


def entries(nodes: list[Any], section: str) -> Iterator[tuple[str, str, str]]:
    """Yield the pages below nodes of the navigation, under the name of the topmost section."""
    for node in nodes:
        for title, value in node.items():
            if isinstance(value, str):
                yield section, title, value
            else:
                yield from entries(value, section or title)


def left_out(nav: list[tuple[str, str, str]]) -> set[str]:
    """Return the pages that the navigation does not list, and those that it lists in vain."""
    listed = {page for _, _, page in nav}
    there = {each.relative_to(PAGES).as_posix() for each in PAGES.rglob("*.md")}
    return {each for each in listed ^ there if not each.startswith(("images/", "repository/"))}


def finish(page: Path) -> None:
    """Take the shim from the site itself, and put the page's Markdown beside it."""
    text = page.read_text(encoding="utf-8")
    up = "../" * (len(page.relative_to(SITE).parts) - 1) or "./"
    text = text.replace(SHIM, f"{up}assets/iframe-worker.js")
    text = re.sub(r"<th( [^>]*)?></th>", r"<td\1></td>", text)  # a heading without words is none
    source = PAGES / page.relative_to(SITE).with_suffix(".md")
    if source.exists():
        twin = f'<link rel="alternate" type="text/markdown" href="{source.name}">'
        text = text.replace("</head>", f"{twin}</head>", 1)
        shutil.copyfile(source, page.with_suffix(".md"))
    page.write_text(text, encoding="utf-8")


def index_for_models(nav: list[tuple[str, str, str]]) -> str:
    """Return ``llms.txt``: a link to every page's Markdown, with its first sentence."""
    config = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    lines = [f"# {config['site_name']}", "", f"> {config['site_description']}"]
    last = ""
    for section, title, page in nav:
        if section != last:
            lines += ["", f"## {section}", ""]
            last = section
        lines.append(f"- [{title}]({page}): {first_sentence(PAGES / page)}")
    return "\n".join(lines) + "\n"


def first_sentence(page: Path) -> str:
    """Return the first sentence of a page's first paragraph of prose."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for paragraph in re.split(r"\n\s*\n", text):
        if re.match(r"[A-Za-z`*“]", paragraph):
            sentence = re.match(r".*?[.:?!](?=\s|$)", " ".join(paragraph.split()))
            return re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", sentence[0] if sentence else "")
    return ""


class Links(HTMLParser):
    """The targets that a page links to, and the anchors that it has."""

    def __init__(self, text: str) -> None:
        """Read a page."""
        super().__init__()
        self.targets: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what an element links to, and its id."""
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.targets.add(value)
            elif name in ("id", "name") and value:
                self.anchors.add(value)


def broken_links(site: Path) -> list[str]:
    """Return a line for each link and anchor between files of the site that leads nowhere."""
    pages = {page: Links(page.read_text(encoding="utf-8")) for page in sorted(site.rglob("*.html"))}
    problems = []
    for page, links in pages.items():
        for link in sorted(links.targets):
            address, anchor = urldefrag(link)
            if urlsplit(link).scheme or link.startswith("//") or page.name == "404.html":
                continue
            target = (page.parent / unquote(address)).resolve() if address else page
            target = target / "index.html" if target.is_dir() else target
            where = page.relative_to(site).as_posix()
            if not target.exists():
                problems.append(f"{where}: {link} does not exist")
            elif anchor and target in pages and unquote(anchor) not in pages[target].anchors:
                problems.append(f"{where}: {link} has no such heading")
    return problems


if __name__ == "__main__":
    sys.exit(main())
