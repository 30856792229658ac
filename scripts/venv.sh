#!/usr/bin/env bash
# Makes .venv with the first Python that is new enough, and uv inside it; keeps one that already works.
set -euo pipefail
cd "$(dirname "$0")/.."

newest_enough() {
    local name
    for name in "${PYTHON:-python3}" python3.14 python3.13 python3.12 python3.11; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    echo "gwanje needs Python 3.11 or newer; install it (Debian: apt-get install python3) or name it: PYTHON=/path/to/python3 make setup" >&2
    return 2
}

make_venv() {
    local python=$1
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
            echo "$python cannot make virtual environments; install its venv module (Debian: apt-get install python3-venv) and run make again" >&2
            return 2
        fi
        scripts/packages.sh venv
    fi
    "$python" -m venv --clear .venv
}

if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    make_venv "$(newest_enough)"
fi
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/uv.txt
