"""Reprocess: stored days are carried through chosen steps once more, a chunk of days at a time.

request.py says what is asked for, carry.py does it, preview.py tries it beside the lake and tells what it would do. A
range that was broken off goes on where it was when it is asked for again: what is made from the present inputs, rules
and model is up to date, and the lake is the only state there is.
"""

from jobs.reprocess.carry import Chunk, carry_chunk, reprocess
from jobs.reprocess.page import lines, publish
from jobs.reprocess.preview import Preview, preview
from jobs.reprocess.request import Approval, ReprocessError, Request

__all__ = [
    "Approval",
    "Chunk",
    "Preview",
    "ReprocessError",
    "Request",
    "carry_chunk",
    "lines",
    "preview",
    "publish",
    "reprocess",
]
