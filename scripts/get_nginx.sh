#!/usr/bin/env bash
# Have an nginx for the tests of the reports' web server: the one on PATH, else the program of Debian's package, which
# is unpacked beside the environment and installed nowhere. Where there is none to be had these tests skip and say so.
set -euo pipefail
place=$PWD/.venv/nginx

if [ -x "$place/usr/sbin/nginx" ] || PATH=$PATH:/usr/sbin command -v nginx >/dev/null; then
  exit 0
fi
draft=$(mktemp -d)
trap 'rm -rf "$draft"' EXIT
cd "$draft"
if command -v apt-get >/dev/null && apt-get -qq download nginx 2>/dev/null && dpkg -x nginx_*.deb "$place"; then
  exit 0
fi
echo "no nginx to be had; the tests of the reports' web server will skip" >&2
