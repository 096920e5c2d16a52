"""The web server of the reports: what it serves, to whom, and with which headers."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.web_server import serving

PAGE = "<!doctype html><title>ação</title>" + "olá " * 1000


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    folder = tmp_path / "reports"
    (folder / "2026-09-01_2026-09-30").mkdir(parents=True)
    (folder / "2026-09-01_2026-09-30" / "report.html").write_text(PAGE, encoding="utf-8")
    (folder / "2026-09-01_2026-09-30" / "daily_polarity.csv").write_text("day,mean\n" * 500, encoding="utf-8")
    return folder


@pytest.fixture
def address(reports: Path, tmp_path: Path) -> Iterator[str]:
    with serving(reports, tmp_path / "server") as address:
        yield address


def test_before_the_first_report_there_is_a_page_that_says_so(address: str, reports: Path) -> None:
    waiting = requests.get(address, timeout=60)
    assert (waiting.status_code, waiting.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "There is no report yet" in waiting.text
    assert "no-cache" in waiting.headers["Cache-Control"]
    (reports / "index.html").write_text("all reports")
    assert requests.get(address, timeout=60).text == "all reports"


def test_pages_and_tables_come_compressed_and_are_asked_for_again_at_every_visit(address: str, reports: Path) -> None:
    for name, kind in (("report.html", "text/html; charset=utf-8"), ("daily_polarity.csv", "text/csv; charset=utf-8")):
        file = reports / "2026-09-01_2026-09-30" / name
        first = requests.get(f"{address}/2026-09-01_2026-09-30/{name}", timeout=60)
        assert first.content == file.read_bytes()
        assert first.headers["Content-Encoding"] == "gzip"
        assert first.headers["Content-Type"] == kind
        known = {"If-None-Match": first.headers["ETag"]}
        assert requests.get(first.url, headers=known, timeout=60).status_code == 304
        file.write_text("made anew")
        assert requests.get(first.url, headers=known, timeout=60).text == "made anew"


@pytest.mark.parametrize("path", ["/", "/2026-09-01_2026-09-30/report.html", "/nothing", "/healthy"])
def test_every_answer_says_what_a_page_may_not(address: str, path: str) -> None:
    said = requests.get(f"{address}{path}", timeout=60).headers
    policy = said["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe-eval" not in policy
    assert "frame-ancestors 'none'" in policy
    assert (said["X-Content-Type-Options"], said["Referrer-Policy"]) == ("nosniff", "no-referrer")
    assert said["Server"] == "nginx"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_it_can_only_be_read(address: str, method: str) -> None:
    assert requests.request(method, f"{address}/2026-09-01_2026-09-30/report.html", timeout=60).status_code == 405


@pytest.mark.parametrize("path", ["/waiting/index.html", "/2026-09-01_2026-09-30/", "/..%2f..%2fetc/passwd"])
def test_there_is_no_way_to_anything_else(address: str, path: str) -> None:
    assert requests.get(f"{address}{path}", timeout=60).status_code in (400, 403, 404)


def test_with_a_login_only_who_knows_a_password_may_read(reports: Path, tmp_path: Path) -> None:
    logins = tmp_path / "logins"
    made = subprocess.run(["openssl", "passwd", "-6", "a password"], capture_output=True, text=True, check=True)
    logins.write_text(f"ana:{made.stdout}")
    with serving(reports, tmp_path / "server", "password", logins) as address:
        page = f"{address}/2026-09-01_2026-09-30/report.html"
        assert requests.get(page, timeout=60).status_code == 401
        assert requests.get(page, auth=("ana", "another"), timeout=60).status_code == 401
        assert requests.get(page, auth=("ana", "a password"), timeout=60).text == PAGE
        assert requests.get(f"{address}/", timeout=60).status_code == 401
        assert requests.get(f"{address}/healthy", timeout=60).status_code == 204
        logins.write_text("")
        assert requests.get(page, auth=("ana", "a password"), timeout=60).status_code == 401
