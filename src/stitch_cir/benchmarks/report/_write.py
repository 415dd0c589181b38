"""Write a report: Markdown, CSV, LaTeX, and a page with plots and every query."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from stitch_cir.benchmarks.report._page import ReportPart, render_page
from stitch_cir.benchmarks.report._plots import plots_of
from stitch_cir.benchmarks.report._tables import tables_of
from stitch_cir.benchmarks.report._thumbs import Thumbnail, make_thumbnails
from stitch_cir.errors import SettingError

__all__ = ["COLUMNS", "Report", "write_report"]

COLUMNS = (
    *("run", "benchmark", "split", "variant", "role", "task", "kind", "metric"),
    *("value", "low", "high", "n", "difference", "difference_low", "difference_high", "p"),
)
"""Columns of ``report.csv``: values in percent, differences (variant minus main) in points.

The metric ``gap M`` is the composition gap of the metric M.
"""


@dataclass(frozen=True, slots=True)
class Report:
    """The files that were written, and what could not be shown."""

    folder: Path
    files: tuple[Path, ...]
    queries: int
    images: int
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return {
            "folder": str(self.folder),
            "files": [str(file) for file in self.files],
            "queries": self.queries,
            "images": self.images,
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
        Folders of runs. Runs of the same data set, split and protocol are shown side by side; each
        other data set has a separate section.
    out:
        Folder, created if necessary. ``report.md``, ``report.csv``, ``report.tex``,
        ``index.html``, ``plots/``, ``data/`` and ``thumbs/`` in it are rewritten; thumbnails that
        are still valid are kept.
    root:
        Where the data sets are, when not where the runs read them.
    queries:
        How many queries of each data set the page shows, evenly spread; None: all, 0: none.
    progress:
        Called with (thumbnails done, thumbnails in all).

    Raises
    ------
    SettingError
        No run, the same run twice, matplotlib missing, or a folder that cannot be written.
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
    thumbnails = _thumbnails(sections, browsers, folder / "thumbs", progress)
    parts = [
        ReportPart(
            section,
            fact_tables(section),
            tables_of(section),
            section_plots,
            (*section.notes, *_without_thumbnail(section_thumbnails)),
            browser.index,
        )
        for section, section_plots, section_thumbnails, browser in zip(
            sections, plots, thumbnails, browsers, strict=True
        )
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
    for browser, section_thumbnails in zip(browsers, thumbnails, strict=True):
        for name, text in browser.files(section_thumbnails).items():
            files[f"data/{name}"] = text
    for subfolder in ("data", "plots"):  # of an earlier report in the same folder
        for old in (folder / subfolder).glob("stitch-*"):
            if f"{subfolder}/{old.name}" not in files:
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
        sum(bool(each.file) for of_section in thumbnails for each in of_section),
        tuple(note for part in parts for note in part.notes),
    )


def _thumbnails(
    sections: Sequence[Section],
    browsers: Sequence[Browser],
    folder: Path,
    progress: Callable[[int, int], None] | None,
) -> list[list[Thumbnail]]:
    total, before = sum(len(browser.images) for browser in browsers), 0
    thumbnails = []
    for section, browser in zip(sections, browsers, strict=True):

        def report(done: int, _: int, before: int = before) -> None:
            if progress is not None:
                progress(before + done, total)

        thumbnails.append(make_thumbnails(section.data, browser.images, folder, report))
        before += len(browser.images)
    return thumbnails


def _without_thumbnail(thumbnails: Sequence[Thumbnail]) -> Iterator[str]:
    """Count by reason what has neither thumbnail nor captions on the page."""
    reasons: dict[str, list[str]] = {}
    for thumbnail in thumbnails:
        if thumbnail.problem:
            reasons.setdefault(thumbnail.problem, []).append(thumbnail.id)
    for reason, ids in reasons.items():
        yield (
            f"{len(ids):,} of the {len(thumbnails):,} gallery ids below are shown by name only "
            f"({reason}): {some(ids)}."
        )


def _markdown(parts: Sequence[ReportPart]) -> str:
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


def _latex(parts: Sequence[ReportPart]) -> str:
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
            for variant in run.variants.values():
                same = {
                    "run": label,
                    "benchmark": section.benchmark,
                    "split": section.split,
                    "variant": variant.name,
                    "role": variant.role,
                }
                compared = section.differences.get((label, variant.name), {})
                for row in _csv_rows(variant, compared):
                    writer.writerow({**same, **row})
                queries = sum(map(len, variant.ids.values()))
                for metric, gap in section.gaps.get((label, variant.name), {}).items():
                    ends = {"value": gap.mean, "low": gap.low, "high": gap.high}
                    row = {name: f"{value:.4f}" for name, value in ends.items()}
                    writer.writerow({**same, "metric": f"gap {metric}", "n": queries, **row})
    return out.getvalue()


def _csv_rows(
    variant: VariantResult, compared: Mapping[str, Comparison]
) -> Iterator[dict[str, Any]]:
    queries = sum(map(len, variant.ids.values()))
    for metric, value in variant.headline.items():
        row = {"metric": metric, "value": f"{value:.4f}", "n": queries}
        if metric in variant.intervals:
            span = variant.intervals[metric]
            row |= {"low": f"{span.low:.4f}", "high": f"{span.high:.4f}"}
        comparison = compared.get(metric)
        if comparison is not None:
            difference = comparison.difference
            row |= {
                "difference": f"{difference.mean:.4f}",
                "difference_low": f"{difference.low:.4f}",
                "difference_high": f"{difference.high:.4f}",
                "p": f"{comparison.p:.6f}",
            }
        yield row
    if len(variant.values) > 1:
        for task, metrics in variant.values.items():
            for metric, values in metrics.items():
                mean = f"{100 * float(values.mean()):.4f}"
                yield {"task": task, "metric": metric, "value": mean, "n": len(values)}
    for kind, (value, count) in variant.kinds.items():
        yield {"kind": kind, "metric": variant.kind_metric, "value": f"{value:.4f}", "n": count}
