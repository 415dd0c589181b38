"""Tables in every form: numbers are formatted here and nowhere else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from stitch_cir.benchmarks._compare import Interval

__all__ = [
    "Cell",
    "Table",
    "change",
    "change_span",
    "escape_latex",
    "escape_markdown",
    "latex",
    "markdown",
    "number",
    "percent",
    "span",
]


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: ``text`` and, smaller, ``below`` (an interval). Numbers are set to the right."""

    text: str
    below: str = ""
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under named columns; the first ``heads`` columns name the row, the others are numbers.

    ``lead`` explains the table, ``groups`` the rows before which a rule is drawn.
    """

    key: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    heads: int = 1
    lead: str = ""
    groups: tuple[int, ...] = ()
    numeric: bool = True
    folded: bool = False


def percent(value: float) -> str:
    """Return two decimals, as papers print percentages; the minus is a minus, not a hyphen."""
    text = f"{value:.2f}"
    return "0.00" if float(text) == 0 else text.replace("-", "−")


def span(interval: Interval | None) -> str:
    """Return an interval in brackets, "" for None."""
    return "" if interval is None else f"[{percent(interval.low)}, {percent(interval.high)}]"


def change(value: float) -> str:
    """Return a difference in points with its sign; the minus is a minus, not a hyphen."""
    text = f"{value:+.2f}"
    return "0.00" if float(text) == 0 else text.replace("-", "−")


def change_span(interval: Interval) -> str:
    """Return a difference's interval in brackets."""
    return f"[{change(interval.low)}, {change(interval.high)}]"


def number(value: Any) -> str:
    """Return a setting as a person writes it; the minus is a minus, not a hyphen."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = f"{value:g}" if isinstance(value, float) else str(value)
    below = isinstance(value, (int, float)) and value < 0
    return text.replace("-", "−", 1) if below else text


def escape_markdown(text: str) -> str:
    """Escape any text for GitHub's Markdown, in a table too; line breaks become spaces."""
    flat = " ".join(text.split())
    flat = flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    flat = re.sub(r"([\\`*_\[\]|~#!$]|(?<!\w)@)", r"\\\1", flat)
    # a bare address would become a link
    return re.sub(r"(https?|ftp|www)([:.])", r"\1\\\2", flat)


_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "−": "$-$",
    "×": r"$\times$",
    "α": r"$\alpha$",
    "τ": r"$\tau$",
    "ε": r"$\varepsilon$",
    "–": "--",
    "…": r"\dots{}",
    "→": r"$\rightarrow$",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "“": "``",
    "”": "''",
    '"': r"\textquotedbl{}",
    **{c: f"\\{c}" for c in "&%$#_{}"},
}


def escape_latex(text: str) -> str:
    """Escape any text for LaTeX (UTF-8 input, T1 fonts)."""
    return "".join(_LATEX.get(c, c) for c in " ".join(text.split()))


def markdown(table: Table) -> str:
    """Return a GitHub table with its heading."""
    lines = [f"### {escape_markdown(table.title)}", ""]
    if table.lead:
        lines += [escape_markdown(table.lead), ""]
    align = ["---"] * table.heads + ["---:" if table.numeric else "---"] * (
        len(table.columns) - table.heads
    )
    lines += [_row(map(escape_markdown, table.columns)), _row(align)]
    for row in table.rows:
        lines.append(_row(_markdown_cell(cell) for cell in row))
    return "\n".join(lines) + "\n"


def _row(cells: Any) -> str:
    return "| " + " | ".join(cells) + " |"


def _markdown_cell(cell: Cell) -> str:
    text = escape_markdown(cell.text)
    below = escape_markdown(cell.below).replace("\\[", "[").replace("\\]", "]")
    return (f"**{text}**" if cell.strong and text else text) + (f" {below}" if below else "")


def latex(table: Table, caption: str) -> str:
    """Return a table in booktabs' style; a wide table is shrunk to the line (graphicx)."""
    wide = table.numeric and len(table.columns) > 5
    others = len(table.columns) - table.heads
    # texts break into lines, numbers never do
    each = "r" if table.numeric else rf"p{{{0.75 / others:.3f}\linewidth}}"
    columns = "l" * table.heads + each * others
    body = [
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        " & ".join(map(escape_latex, table.columns)) + r" \\",
        r"\midrule",
    ]
    for number, row in enumerate(table.rows):
        if number and number in table.groups:
            body.append(r"\midrule")
        body.append(" & ".join(_latex_cell(cell) for cell in row) + r" \\")
    body += [r"\bottomrule", r"\end{tabular}"]
    if wide:
        body = [r"\resizebox{\linewidth}{!}{%", *body, "}"]
    return "\n".join(
        [
            r"\begin{table}[t]",
            r"\centering",
            rf"\caption{{{escape_latex(caption)}}}",
            *body,
            r"\end{table}",
            "",
        ]
    )


def _latex_cell(cell: Cell) -> str:
    # braces keep a bracket at the start of a row from being read as an option of \\
    text = "{" + escape_latex(cell.text) + "}" if cell.text.startswith("[") else ""
    text = text or escape_latex(cell.text)
    strong = rf"\textbf{{{text}}}" if cell.strong and text else text
    return strong + (rf" {{\scriptsize {escape_latex(cell.below)}}}" if cell.below else "")
