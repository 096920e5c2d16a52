#!/usr/bin/env bash
# Have a Chromium for the browser tests: the one on PATH, else the system's package, else Playwright's own download.
# Where there is none to be had the browser tests skip and say so; in CI (the variable CI is set) that is a failure.
set -euo pipefail

for name in chromium chromium-browser google-chrome; do
  if command -v "$name" >/dev/null; then
    exit 0
  fi
done
downloaded=$(.venv/bin/python -c 'from playwright.sync_api import sync_playwright as p
with p() as it: print(it.chromium.executable_path)')
if [ -x "$downloaded" ]; then
  exit 0
fi

echo "no Chromium yet: fetching one for the browser tests"
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  if apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends chromium >/dev/null; then
    exit 0
  fi
fi
if .venv/bin/playwright install chromium; then
  exit 0
fi
echo "no Chromium to be had; the browser tests will skip" >&2
if [ -n "${CI:-}" ]; then
  exit 1
fi
