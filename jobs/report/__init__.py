"""The report step: what an analyst reads of the days that were aggregated."""

from jobs.report.step import Report, ReportError, report

__all__ = ["Report", "ReportError", "report"]
