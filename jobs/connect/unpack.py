"""What a server packed (gzip, deflate) -> its bytes, a piece at a time, and whether they ended where they should."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

PIECE_BYTES = 1 << 20
GZIP, ZLIB, RAW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
WAYS = "gzip, deflate"
"""What servers may be told that is understood here."""


class PackedError(ValueError):
    """Bytes that are packed in a way that is not understood here."""


class CutError(EOFError):
    """Packed bytes end in the middle."""


def unpacked(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The bytes of `pieces` that were packed as the header Content-Encoding says, no more than PIECE_BYTES at a time.

    What is not packed at all comes as it is, as some servers send it. Raises PackedError, and CutError after the bytes
    that could be had.
    """
    for way in reversed([way.strip().lower() for way in encoding.split(",")]):
        if way in ("gzip", "x-gzip", "deflate"):
            pieces = _inflated(pieces, GZIP if "gzip" in way else None)
        elif way not in ("", "identity"):
            raise PackedError(f"packed as {way[:20]!r}, which was not asked for")
    yield from pieces


def _inflated(pieces: Iterable[bytes], bits: int | None) -> Iterator[bytes]:
    """`pieces`, of one or more streams; those of deflate are of zlib or, as some servers send them, without a head."""
    stream, ended = None, False
    pieces = filter(None, pieces)
    for piece in pieces:
        rest = piece
        while rest:
            if stream is None:
                bits = bits or (ZLIB if rest[0] & 15 == 8 else RAW)
                stream = zlib.decompressobj(bits)
                begun = False
            try:
                found = stream.decompress(rest, PIECE_BYTES)
            except zlib.error:
                if begun:
                    raise CutError from None
                if not ended:  # what follows the last stream is nothing
                    yield rest
                    yield from pieces
                return
            begun = True
            if found:
                yield found
            rest = stream.unused_data if stream.eof else stream.unconsumed_tail
            if stream.eof:
                stream, ended = None, True
                rest = rest.lstrip(b"\0")
    if stream is not None:
        yield stream.flush()
        raise CutError
