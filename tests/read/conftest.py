"""What the tests of read share."""

from __future__ import annotations

from tests.feeds import feed as feed
from tests.feeds import records as records
