from __future__ import annotations

import pytest

from jobs.connect.client import address
from jobs.connect.redact import redacted


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("GET /feed?key=a&b=c HTTP/1.1", "GET /feed?... HTTP/1.1"),
        ("http://n.example/a#token=b: no", "http://n.example/a?... no"),
        ("https://ana:pass@n.example/a", "https://n.example/a"),
        ("https://ana:p@ss@n.example/a and http://bob@m.example", "https://n.example/a and http://m.example"),
        ("proxy 'http://ana:pass@127.0.0.1:1' refused", "proxy 'http://127.0.0.1:1' refused"),
        ("Why? Because", "Why? Because"),
        ("mail ana@n.example about https://n.example/a", "mail ana@n.example about https://n.example/a"),
    ],
)
def test_what_may_hold_a_key_is_left_out(text: str, told: str) -> None:
    assert redacted(text) == told


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://n.example/feed/a8F3k2LmQ9x7Tz41Vb0c/rss?x=1", "https://n.example/feed/.../rss"),
        ("https://n.example/0b9f6a3e-1c2d-4e5f-8a9b-0c1d2e3f4a5b", "https://n.example/..."),
        ("https://n.example/internationalisation/2026-09-03-cafe-aurora-abre", None),
        ("https://n.example/20260903120000000000000", None),
    ],
)
def test_what_looks_like_a_key_in_a_path_is_left_out(url: str, told: str | None) -> None:
    assert address(url) == (told or url)
