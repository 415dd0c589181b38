"""Reports of runs: tables in four forms, plots, and a page to look at every query."""

from stitch_cir.benchmarks.report._write import Report, write_report

__all__ = ["Report", "write_report"]
