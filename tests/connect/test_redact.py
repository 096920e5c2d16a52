from __future__ import annotations

import pytest

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
