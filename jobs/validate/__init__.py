"""Validate: raw_posts -> posts + quarantine, by write, audit, publish.

publish.py plans, stages and publishes; kernel.py judges rows by the row rules of the contracts, audit.py
lets Great Expectations judge what was staged, page.py shows its verdict. Fetching and scoring do not belong here.
"""

from jobs.validate.audit import AuditError, Finding
from jobs.validate.publish import Validated, validate

__all__ = ["AuditError", "Finding", "Validated", "validate"]
