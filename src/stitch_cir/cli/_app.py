"""The application: every command registers here."""

from __future__ import annotations

from typing import Annotated

import typer

from stitch_cir.cli import _answer_commands as model_answers
from stitch_cir.cli import _attribute_commands as item_attributes
from stitch_cir.cli import _bench_commands as benchmarks
from stitch_cir.cli import _bench_run
from stitch_cir.cli import _caption_command as captions
from stitch_cir.cli import _cluster_operations as cluster_operations
from stitch_cir.cli import _compose_commands as compositions
from stitch_cir.cli import _export_command as exports
from stitch_cir.cli import _feed_command as feeds
from stitch_cir.cli import _gallery_commands as galleries
from stitch_cir.cli import _index_command as indexing
from stitch_cir.cli import _mcp_command as assistants
from stitch_cir.cli import _model_commands as encoders
from stitch_cir.cli import _report_command as bench_report
from stitch_cir.cli import _reproduce_command as bench_reproduce
from stitch_cir.cli import _search_commands as searches
from stitch_cir.cli import _serve_command as servers
from stitch_cir.cli import _uploads_command as kept
from stitch_cir.cli._command import Application
from stitch_cir.cli._exit import EPILOG

__all__ = ["app"]

app = Application(
    name="stitch",
    help="Search the way people think: this image, but changed.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(show: bool) -> None:
    if show:
        import platform

        from stitch_cir import __version__
        from stitch_cir._build import commit

        built = f"commit {(commit() or 'unknown')[:12]}, Python {platform.python_version()}"
        typer.echo(f"stitch {__version__} ({built})")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Show version, commit and Python."
        ),
    ] = False,
) -> None:
    """Search the way people think: this image, but changed."""


app.command("index")(indexing.index)
app.command("caption")(captions.caption)
app.command("sync")(feeds.sync)
app.command("search")(searches.search)
app.command("compose")(compositions.compose)
app.command("explain")(searches.explain)
app.command("export")(exports.export)
app.command("serve")(servers.serve)
app.command("mcp")(assistants.mcp)
app.command("info")(galleries.info)
app.command("verify")(galleries.verify)
app.command("uploads")(kept.uploads)
app.add_typer(item_attributes.attributes, name="attributes")
app.command("prompts")(model_answers.prompts)
app.command("convert")(model_answers.convert)
app.add_typer(model_answers.answers, name="answers")
app.add_typer(encoders.models, name="models")
app.add_typer(cluster_operations.cluster, name="cluster")
benchmarks.bench.command("run")(_bench_run.run)
benchmarks.bench.command("reproduce")(bench_reproduce.reproduce)
benchmarks.bench.command("report")(bench_report.report)
app.add_typer(benchmarks.bench, name="bench")
