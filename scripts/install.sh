#!/usr/bin/env bash
# Make the virtual environment $1 hold exactly what requirements.lock names, bytecode included.
set -euo pipefail
venv=$1
python=$venv/bin/python

if [ ! -x "$python" ]; then
  for candidate in python3.11 python3 python; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
      echo "making $venv with $(command -v "$candidate")"
      "$candidate" -m venv "$venv" || {
        rm -rf "$venv"
        echo "$candidate cannot make virtual environments; on Debian and Ubuntu install python3.11-venv" >&2
        exit 1
      }
      break
    fi
  done
  if [ ! -x "$python" ]; then
    echo "Python 3.11 is needed and neither python3.11 nor python3 is one; install it and run make again" >&2
    exit 1
  fi
fi

pip_setting() { # uv reads no pip configuration: hand over the mirror that pip is told to use
  "$python" -m pip config list | sed -n "s/^[^ ]*\.$1='\(.*\)'$/\1/p" | tail -1
}

uv_version=$(sed -n 's/^uv==\([^ ;]*\).*/\1/p' requirements.lock)
"$python" -m pip install --quiet --disable-pip-version-check "uv==$uv_version"
index=$(pip_setting index-url)
if [ -n "$index" ]; then
  export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$index}"
fi

echo "installing what requirements.lock names; the first time that is a download of about 1 GB"
"$venv/bin/uv" pip sync --python "$python" --compile-bytecode --require-hashes requirements.lock
"$venv/bin/uv" pip install --python "$python" --no-deps --no-build-isolation --editable .
"$python" -m compileall -q dags data_contracts jobs models
