"""What goes wrong with the place of a lake, said in one sentence that names the place and what to do.

Each library has its own errors and words; whoever touches the lake does it under `speaking`. What is wrong with the
data, or with a table, does not belong here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

MEND_KEYS = "mend the keys of the store (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) or what they allow"
ADVICE = (
    (r"errno 28|os error 28|No space left|errno 27|os error 27|File too large|errno 122|os error 122|quota",
     "make room there and run again"),
    (r"errno (1|13|30)\b|os error (1|13|30)\b|Permission denied|Read-only",
     "let this user write there, or name another place under `lake` in the settings"),
    (r"NO_SUCH_BUCKET|NoSuchBucket|bucket does not exist",
     "make the bucket, or name another place under `lake` in the settings"),
    (r"ACCESS_DENIED|AccessDenied|Forbidden|403|INVALID_ACCESS_KEY_ID|SIGNATURE|Unauthorized|401|credential",
     MEND_KEYS),
    (r"NETWORK_CONNECTION|Connect|connect|timed out|dns",
     "see that the store runs and that AWS_ENDPOINT_URL names it"),
)  # fmt: skip
"""What to do about a fault, by a pattern of its text; each library words the same fault in its own way."""
ELSE = "mend that and run again"
LONGEST = 300


class LakeError(RuntimeError):
    """The lake cannot be read or written; the message names the place and says what to do."""


class LakeKeysError(LakeError):
    """The store of the lake refuses the keys, and will do so again."""


@contextmanager
def speaking(place: str, what: str = "read") -> Iterator[None]:
    """Faults of what is done to `place` become a LakeError: it cannot be `what` ("read", "written"), why, what to do.

    A commit that lost to another is no such fault and passes.
    """
    from deltalake.exceptions import CommitFailedError, DeltaError

    try:
        yield
    except CommitFailedError:
        raise
    except (OSError, DeltaError) as fault:
        said = sentence(place, what, fault)
        raise (LakeKeysError if said.endswith(MEND_KEYS) else LakeError)(said) from fault


def sentence(place: str, what: str, fault: BaseException | str) -> str:
    """What a LakeError says."""
    told = re.sub(r"\x1b\[[0-9;]*m|↳", "", str(fault))
    told = re.sub(r"\s+", " ", told).strip(" .")
    advice = next((advice for pattern, advice in ADVICE if re.search(pattern, told)), ELSE)
    shown = told if len(told) <= LONGEST else f"{told[:LONGEST]}..."
    return f"{place}: cannot be {what}: {shown}; {advice}"
