"""Days that an item moves between belong together: published alone they would show it twice, or not at all."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from data_contracts import contract
from jobs.lake.query import Query
from jobs.lake.table import File, as_day
from jobs.validate.kernel import OUTPUTS

VERDICTS = tuple(str(contract(name).verdict) for name in OUTPUTS)


def moves(query: Query, published: Sequence[File], coming: Sequence[File]) -> list[tuple[str, str]]:
    """The days (left, reached) of items that lie on one day in `published` and on another in `coming`."""
    for name, verdict in zip(OUTPUTS, VERDICTS, strict=True):
        query.view(f"published_{name}", name, [file for file in published if file.verdict == verdict])
        query.view(f"coming_{name}", name, [file for file in coming if str(file.verdict).endswith(verdict)])
    before, after = (
        " UNION ALL ".join(f"SELECT feed, post_id, published_date AS place FROM {which}_{name}" for name in OUTPUTS)
        for which in ("published", "coming")
    )
    found = query.rows(f"""
        WITH before AS ({before}), after AS ({after})
        SELECT DISTINCT before.place AS left, after.place AS reached FROM before JOIN after USING (feed, post_id)
        WHERE before.place IS DISTINCT FROM after.place
    """)
    return [(as_day(move["left"]), as_day(move["reached"])) for move in found]


def tied(pairs: Collection[tuple[str, str]], days: Iterable[str]) -> dict[str, str]:
    """Days that `pairs` tie to one of `days`, themselves or through others, each with the one that ties it."""
    waiting, asked = list(days), set(days)
    found: dict[str, str] = {}
    while waiting:
        day = waiting.pop()
        for other in {*(a for a, b in pairs if b == day), *(b for a, b in pairs if a == day)} - {*asked, *found}:
            found[other] = day
            waiting.append(other)
    return dict(sorted(found.items()))
