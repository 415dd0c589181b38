"""What commands show: rich tables for people, JSON for programs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from stitch_cir.cli._exit import json_text, printable
from stitch_cir.cli._tables import bar, shorten, view_room, write_table

if TYPE_CHECKING:
    from rich.console import Console

    from stitch_cir.composers import Composition
    from stitch_cir.gallery import Facet
    from stitch_cir.searcher import Hit, Results

__all__ = [
    "console",
    "emit_json",
    "show_composition",
    "show_explanation",
    "show_facets",
    "show_notes",
    "show_result_notes",
    "show_results",
    "show_roles",
]

_SELECTING = frozenset(
    ("k", "include", "exclude", "where", "group_by", "group_size", "include_reference", "unused")
)
"""Settings that choose which images take part and are shown; the others rank them."""

_BAR = 24
"""Characters of the longest bar."""
_VIEWS = 3
"""Views that an explanation names for each caption."""


def console(*, err: bool = False) -> Console:
    """Make a console that never interprets markup found in file names or captions."""
    from rich.console import Console

    environment = dict(os.environ)
    if environment.get("COLUMNS") == "0":  # some containers say so, and rich would write nothing
        del environment["COLUMNS"]
    # lines are wrapped by the terminal, if at all: names can be copied, whatever COLUMNS says
    return Console(
        stderr=err, markup=False, highlight=False, emoji=False, soft_wrap=True, _environ=environment
    )


def emit_json(data: Any) -> None:
    """Write one JSON document to stdout."""
    sys.stdout.write(json_text(data, sys.stdout, indent=2) + "\n")


def show_composition(composition: Composition, out: Console) -> None:
    """List the target captions and what was understood."""
    for number, caption in enumerate(composition.captions, 1):
        weight = "" if caption.weight == 1.0 else f"  (weight {caption.weight:.2f})"
        out.print(f"  {number}. {printable(caption.text)}{weight}")
    for note in composition.notes:
        out.print(f"     {printable(note)}", style="dim")


def show_notes(notes: Iterable[str], out: Console) -> None:
    """List what happened on the way and may change how an answer is read."""
    for note in notes:
        out.print(f"note: {printable(note)}", style="yellow")


def show_facets(facets: Iterable[Facet], out: Console) -> None:
    """List the counts of attributes, a facet after the other."""
    for facet in facets:
        out.print(printable(f"{facet.attribute}, of {facet.total:,} images"), style="bold")
        lines = [(count.label, count.count) for count in facet.counts]
        lines.append(("without", facet.missing))
        width = max(len(printable(name)) for name, _ in lines)
        for name, number in lines:
            out.print(f"  {printable(name):<{width}}  {number:,}", soft_wrap=True)


def show_results(results: Results, out: Console, *, details: bool = False) -> None:
    """Show a search: captions, a table of hits, notes, and the settings that made them.

    Settings are shown where something is not the standard, or with ``details``.
    """
    composition = results.query.composition
    if composition is not None:
        out.print(f"Target captions ({composition.composer}):", style="bold")
        show_composition(composition, out)
    if results.query.avoided:
        avoided = ", ".join(results.query.avoided)
        out.print(f"Avoided: {printable(avoided)} (weight {results.settings.forbidden_weight:g})")
    judged = results.reranker is not None
    word = "yes" if results.settings.verify_mode == "each" else "standing"
    heads = ["#", "score", "image", *(["verdict"] if judged else []), "strongest view"]
    rows = []
    above = None if results.cutoff is None else results.cutoff.above
    for hit in results:
        if above is not None and hit.rank == above + 1:
            rows.append(["", "", "— cut-off —", *([""] if judged else []), ""])
        verdict = "" if hit.verdict is None else f"{word} {hit.verdict.yes:.0%}"
        rows.append(
            [
                str(hit.rank),
                f"{hit.score:.3f}",
                _name(hit),
                *([verdict] if judged else []),
                printable(hit.best_view.short),
            ]
        )
        rows += [
            [
                "",
                f"{member.score:.3f}",
                _name(member),
                *([""] if judged else []),
                printable(member.best_view.short),
            ]
            for member in hit.members
        ]
    if rows:
        write_table(out, heads, rows, right=(0, 1, 3) if judged else (0, 1))
    _show_cutoff(results, out)
    show_facets(results.facets, out)
    if results.disagreement is not None:
        out.print(
            f"Two rankings by the reranker disagree on {results.disagreement:.0%} of the pairs of "
            "hits.",
            soft_wrap=True,
        )
    show_result_notes(results, out)
    out.print(f"{_page_line(results)}; scores lie between -2 and 2.", soft_wrap=True)
    if details or not _is_standard(results):
        out.print(printable(_settings_line(results)), style="dim")
    for name, used in results.usage.items():
        out.print(
            f"{name}: {used['requested']} answers requested, {used['cached']} from the cache, "
            f"{used['prompt_tokens']:,} + {used['completion_tokens']:,} tokens",
            style="dim",
        )


def _name(hit: Hit) -> str:
    """Return the id of a hit, and how many images stand behind it."""
    copies = len(hit.near_duplicates)
    behind = [f"+{hit.group_images - 1}"] if hit.group_images > 1 else []
    if copies:
        behind.append(f"+{copies} near-duplicate{'s' if copies > 1 else ''}")
    return printable(hit.id) + (f" ({', '.join(behind)})" if behind else "")


def _show_cutoff(results: Results, out: Console) -> None:
    """Show where the cut-off lies, or that no hit is left and what to do."""
    cutoff = results.cutoff
    if cutoff is not None:
        out.print(cutoff.summary(), style="bold" if not cutoff.above else "", soft_wrap=True)
        for line in cutoff.advice:
            out.print(f"  {line}", soft_wrap=True)
    elif not results.total:
        out.print("No hit reaches the minimal score.")


def _page_line(results: Results) -> str:
    """Return which of how many hits these are, and how to see those after them."""
    images = "1 image" if results.ranked == 1 else f"{results.ranked:,} images"
    if not results.hits:
        return f"no hit among {images}"
    hits = str(len(results))
    if results.offset:
        hits = f"{results.offset + 1:,} to {results.offset + len(results):,}"
    line = f"{hits} of {images}"
    if results.settings.group_by is not None:
        line = f"{hits} of {results.total:,} groups among {images}"
    elif results.total < results.ranked:
        line = f"{hits} of {results.total:,} hits among {images}"
    if results.next_cursor is None:
        return f"{line}, best first"
    return f"{line}, best first (more: --offset {results.offset + len(results)})"


def show_result_notes(results: Results, out: Console) -> None:
    """List the notes of a search that do not stand below its captions already."""
    composition = results.query.composition
    shown = () if composition is None else composition.notes
    show_notes((note for note in results.notes if note not in shown), out)


def _is_standard(results: Results) -> bool:
    """Return whether the images were ranked as they are without any option that ranks."""
    settings = results.settings
    standard = type(settings)()
    ways = [each.name for each in fields(settings) if each.name not in _SELECTING]
    composition = results.query.composition
    return (
        all(getattr(settings, name) == getattr(standard, name) for name in ways)
        and results.reranker is None
        and results.shortlist_recall is None
        and (composition is None or not sampled(composition))
    )


def _settings_line(results: Results) -> str:
    settings = results.settings
    bounded = f", {results.bounded} bounded" if results.bounded else ""
    line = (
        f"{results.scored} of {results.ranked} view sets scored exactly{bounded} · preset "
        f"{settings.preset} · {settings.method()} · {results.gallery.get('encoder')} "
        f"({results.gallery.get('weights_tag')})"
    )
    if results.query.composition is not None:
        line += sampled(results.query.composition)
    if results.reranker is not None:
        line += (
            f" · reranked {settings.rerank} by {results.reranker.get('model')}, weight "
            f"{settings.rerank_weight:g}"
        )
        if settings.verify_mode != "each":
            line += f", ranked together ({settings.verify_mode})"
    if not results.exact:
        line += " · not exact: a shortlist"
    if results.candidate_source is not None:
        line += f" by {results.candidate_source.get('source')}"
    if results.shortlist_recall is not None:
        line += f" · shortlist kept {results.shortlist_recall:.0%} of the exhaustive hits"
    return line


def sampled(composition: Composition) -> str:
    """Return which model, prompt and sampling wrote the captions, or ""."""
    facts = composition.settings
    drawn = facts.get("sampling")
    if not isinstance(drawn, dict):
        return ""
    return (
        f" · {facts.get('model')}, prompt {facts.get('prompt')}, temperature "
        f"{drawn['temperature']:g}, top-p {drawn['top_p']:g}, top-k {drawn['top_k']}, at most "
        f"{drawn['max_tokens']} tokens, seed {drawn['seed']}"
    )


def show_explanation(hit: Hit, out: Console, *, details: bool = False) -> None:
    """Show why a hit was found: a sentence, and what each caption gives and which views it fits.

    ``details`` lists every pair of caption and view with its figures as well.
    """
    out.print(printable(f"Rank {hit.rank}, score {hit.score:.3f}. {hit.summary()}"))
    shares = hit.caption_shares().tolist()
    longest = max(map(abs, shares))
    matches = hit.matches()
    # the views of a reference are named as the image's are, in words
    words = {} if hit.query.composition else {view.label: view.short for view in hit.views}
    labels = [words.get(label, label) for label in hit.query.labels]
    rows = []
    for row in sorted(range(len(shares)), key=lambda row: -shares[row]):
        fits = [match.view.short for match in matches if match.caption == row]
        rows.append(
            [
                f"{shares[row]:.3f}",
                bar(shares[row], longest, room=12),
                f"{row + 1}. {shorten(printable(labels[row]), view_room(out))}",
                printable(", ".join(fits[:_VIEWS])) or "–",
            ]
        )
    write_table(out, ["gives", "", hit.query.row_noun, "fits best"], rows, right=(0,))
    if details:
        _show_pairs(hit, out)
    show_roles(hit, out)


def _show_pairs(hit: Hit, out: Console) -> None:
    """Show the plan of a hit as a table: which caption matched which view, and how much."""
    room = view_room(out)
    rows = [
        [
            f"{match.mass:.1%}",
            f"{match.similarity:.3f}",
            f"{match.forward:.2f}",
            f"{match.backward:.2f}",
            shorten(f"{match.view.index}. {printable(match.view.label)}", room),
            f"{match.caption + 1}. {printable(match.label)}",
        ]
        for match in hit.matches()
    ]
    heads = ["mass", "cosine", "forward", "backward", "view", "caption"]
    write_table(out, heads, rows, right=(0, 1, 2, 3))


def show_roles(hit: Hit, out: Console) -> None:
    """Show what the captions and each role give to a score, as bars; nothing without roles."""
    if not hit.roles:
        return
    out.print(f"score {hit.score:.3f}, by role:", style="bold")
    longest = max(abs(each.share) for each in hit.roles)
    for each in hit.roles:
        drawn = bar(each.share, longest, room=_BAR)
        best = max(each.matches, key=lambda match: match.similarity, default=None)
        shown = "" if best is None else f"  {best.text}: {best.view.label} ({best.similarity:.3f})"
        out.print(printable(f"  {each.role:<10} {each.share:+.3f}  {drawn:<{_BAR}}{shown}"))
