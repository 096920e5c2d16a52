"""The report step: what an analyst reads of the days that were aggregated."""

from jobs.report.pins import PinsError
from jobs.report.write import Report, ReportError, report, report_again

__all__ = ["PinsError", "Report", "ReportError", "report", "report_again"]
