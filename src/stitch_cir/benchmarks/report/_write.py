"""Write a report: Markdown, CSV, LaTeX, and a page with plots and every query."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stitch_cir.benchmarks._compare import Comparison
from stitch_cir.benchmarks._run_files import VariantResult
from stitch_cir.benchmarks.report._browser import Browser, browse
from stitch_cir.benchmarks.report._contents import Section, gather, some
from stitch_cir.benchmarks.report._facts import fact_tables
from stitch_cir.benchmarks.report._figure import Plot
from stitch_cir.benchmarks.report._formats import escape_markdown, latex, markdown
from stitch_cir.benchmarks.report._page import Part, render_page
from stitch_cir.benchmarks.report._plots import plots_of
from stitch_cir.benchmarks.report._tables import tables_of
from stitch_cir.benchmarks.report._thumbs import Shown, make_thumbs
from stitch_cir.errors import SettingError

__all__ = ["COLUMNS", "Report", "write_report"]

COLUMNS = (
    *("run", "benchmark", "split", "variant", "role", "task", "kind", "metric"),
    *("value", "low", "high", "n", "difference", "difference_low", "difference_high", "p"),
)
"""Columns of ``report.csv``: values in percent, differences (variant minus main) in points."""


@dataclass(frozen=True, slots=True)
class Report:
    """The files that were written, and what could not be shown."""

    folder: Path
    files: tuple[Path, ...]
    queries: int
    pictures: int
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Give JSON-ready data."""
        return {
            "folder": str(self.folder),
            "files": [str(file) for file in self.files],
            "queries": self.queries,
            "pictures": self.pictures,
            "notes": list(self.notes),
        }


def write_report(
    runs: Sequence[Path | str],
    out: Path | str,
    *,
    root: Path | str | None = None,
    queries: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Write a report of one or several runs into a folder.

    Parameters
    ----------
    runs:
        Folders of runs. Runs of one data set, split and protocol stand side by side; each other
        data set has a section of its own.
    out:
        Folder, made if need be. ``report.md``, ``report.csv``, ``report.tex``, ``index.html``,
        ``plots/``, ``data/`` and ``thumbs/`` in it are written anew; thumbnails that are still
        good are kept.
    root:
        Where the data sets lie, when not where the runs found them.
    queries:
        How many queries of each data set the page shows, evenly spread; None: all, 0: none.
    progress:
        Called with (thumbnails looked at, thumbnails wanted).

    Raises
    ------
    SettingError
        No run, a run given twice, matplotlib missing, or a folder that cannot be written.
    NotFoundError, RecordError
        A folder without a run, or a run that cannot be understood.
    """
    if queries is not None and queries < 0:
        raise SettingError(f"queries is {queries}.", hint="Give a number from 0, or None for all.")
    folder = Path(out)
    sections = gather(runs, root=None if root is None else Path(root))
    browsers = [browse(section, queries) for section in sections]
    plots = [plots_of(section) for section in sections]
    try:
        return _write(sections, browsers, plots, folder, progress)
    except OSError as error:
        raise SettingError(
            f"The report cannot be written to {folder}: {error.strerror or error}.",
            hint="Choose a folder that can be written: --out DIR.",
        ) from error


def _write(
    sections: Sequence[Section],
    browsers: Sequence[Browser],
    plots: Sequence[Sequence[Plot]],
    folder: Path,
    progress: Callable[[int, int], None] | None,
) -> Report:
    folder.mkdir(parents=True, exist_ok=True)
    shown = _thumbs(sections, browsers, folder / "thumbs", progress)
    notes = [(*section.notes, *_unshown(own)) for section, own in zip(sections, shown, strict=True)]
    parts = [
        Part(section, fact_tables(section), tables_of(section), own, tuple(told), browser.index)
        for section, own, told, browser in zip(sections, plots, notes, browsers, strict=True)
    ]
    files: dict[str, str | bytes] = {
        "report.md": _markdown(parts),
        "report.csv": _csv(sections),
        "report.tex": _latex(parts),
        "index.html": render_page(parts),
    }
    for part in parts:
        for plot in part.plots:
            files[f"plots/stitch-{plot.key}.svg"] = plot.svg
            files[f"plots/stitch-{plot.key}.png"] = plot.png
    for browser, own_shown in zip(browsers, shown, strict=True):
        for name, text in browser.files(own_shown).items():
            files[f"data/{name}"] = text
    for part_of in ("data", "plots"):  # of an earlier report in the same folder
        for old in (folder / part_of).glob("stitch-*"):
            if f"{part_of}/{old.name}" not in files:
                old.unlink()
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(
            content if isinstance(content, bytes) else content.encode("utf-8", "backslashreplace")
        )
    return Report(
        folder,
        tuple(folder / name for name in files),
        sum(len(browser.index["queries"]) for browser in browsers),
        sum(bool(one.thumb) for own_shown in shown for one in own_shown),
        tuple(note for told in notes for note in told),
    )


def _thumbs(
    sections: Sequence[Section],
    browsers: Sequence[Browser],
    folder: Path,
    progress: Callable[[int, int], None] | None,
) -> list[list[Shown]]:
    total, before, found = sum(len(browser.images) for browser in browsers), 0, []
    for section, browser in zip(sections, browsers, strict=True):

        def tell(done: int, _: int, before: int = before) -> None:
            if progress is not None:
                progress(before + done, total)

        found.append(make_thumbs(section.data, browser.images, folder, tell))
        before += len(browser.images)
    return found


def _unshown(shown: Sequence[Shown]) -> Iterator[str]:
    """Count by reason what has neither picture nor captions on the page."""
    reasons: dict[str, list[str]] = {}
    for one in shown:
        if one.problem:
            reasons.setdefault(one.problem, []).append(one.id)
    for reason, ids in reasons.items():
        yield (
            f"{len(ids):,} of the {len(shown):,} gallery ids below are shown by name only "
            f"({reason}): {some(ids)}."
        )


def _markdown(parts: Sequence[Part]) -> str:
    lines = ["# Benchmark report", ""]
    for part in parts:
        section = part.section
        lines += [f"## {escape_markdown(section.title)}", ""]
        lines += [escape_markdown(part.summary), ""]
        if part.notes:
            lines += ["**Read this first**", ""]
            lines += [f"- {escape_markdown(note)}" for note in part.notes]
            lines.append("")
        lines += [markdown(table) for table in (*part.facts[:1], *part.tables)]
        for plot in part.plots:
            alt = escape_markdown(plot.alt)
            lines += [f"![{alt}](plots/stitch-{plot.key}.png)", ""]
        lines += [markdown(table) for table in part.facts[1:]]
    return "\n".join(lines).rstrip() + "\n"


def _latex(parts: Sequence[Part]) -> str:
    lines = [
        "% needs: \\usepackage[T1]{fontenc} \\usepackage{textcomp,booktabs,graphicx}",
        "",
    ]
    for part in parts:
        title = part.section.title
        lines += [f"% {' '.join(part.summary.split())}", ""]
        for note in part.notes:
            lines.append(f"% note: {' '.join(note.split())}")
        lines.append("")
        for table in (*part.facts[:1], *part.tables):
            caption = f"{title}: {table.title}. {table.lead}".strip()
            if table.key == "figures":
                caption += f" {part.summary}"
            lines.append(latex(table, caption))
    return "\n".join(lines)


def _csv(sections: Sequence[Section]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for section in sections:
        for label, run in section.runs.items():
            for one in run.variants.values():
                same = {
                    "run": label,
                    "benchmark": section.benchmark,
                    "split": section.split,
                    "variant": one.name,
                    "role": one.role,
                }
                compared = section.differences.get((label, one.name), {})
                for row in _csv_rows(one, compared):
                    writer.writerow({**same, **row})
    return out.getvalue()


def _csv_rows(one: VariantResult, compared: Any) -> Iterator[dict[str, Any]]:
    asked = sum(map(len, one.ids.values()))
    for metric, value in one.headline.items():
        row = {"metric": metric, "value": f"{value:.4f}", "n": asked}
        if metric in one.intervals:
            found = one.intervals[metric]
            row |= {"low": f"{found.low:.4f}", "high": f"{found.high:.4f}"}
        comparison: Comparison | None = compared.get(metric)
        if comparison is not None:
            apart = comparison.difference
            row |= {
                "difference": f"{apart.mean:.4f}",
                "difference_low": f"{apart.low:.4f}",
                "difference_high": f"{apart.high:.4f}",
                "p": f"{comparison.p:.6f}",
            }
        yield row
    if len(one.values) > 1:
        for task, metrics in one.values.items():
            for metric, own in metrics.items():
                mean = f"{100 * float(own.mean()):.4f}"
                yield {"task": task, "metric": metric, "value": mean, "n": len(own)}
    for kind, (value, count) in one.kinds.items():
        yield {"kind": kind, "metric": "mAP@10", "value": f"{value:.4f}", "n": count}
