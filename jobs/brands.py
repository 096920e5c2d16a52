"""Which brands a text names, for the figures and for the posts that are shown: a function that SQL can call."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from jobs.lake.query import Query
from jobs.settings import Brand
from jobs.terms import Matcher

ALL = "all"
"""The name that stands for every post, whatever brand it names."""


def teach_brands(query: Query, brands: Sequence[Brand]) -> None:
    """Give `query` the SQL function `brands_named(text)`: the names of the `brands` in a text, in their order.

    What it was taught before is forgotten. A brand is named by a whole term, whatever its case, its accents and the
    line breaks in it.
    """
    matcher, names = Matcher(brands), pa.array([brand.name for brand in brands], pa.string())

    def brands_named(texts: pa.Array) -> pa.Array:
        plain = pa.concat_arrays(texts.chunks) if isinstance(texts, pa.ChunkedArray) else texts
        found = matcher(plain)
        bounds = np.searchsorted(found.text, np.arange(len(plain) + 1))
        return pa.ListArray.from_arrays(pa.array(bounds, pa.int32()), names.take(pa.array(found.rule)))

    query.teach("brands_named", brands_named, ["VARCHAR"], "VARCHAR[]")
