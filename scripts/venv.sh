#!/usr/bin/env bash
# Makes .venv, and uv inside it; keeps one that already works. The distribution's own Python comes first: it is compiled with
# profiles, which one built from source by default is not, and runs half as fast again (docs/decisions/0028).
set -euo pipefail
cd "$(dirname "$0")/.."

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
has_venv() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }
may_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

names=(/usr/bin/python3 python3 python3.14 python3.13 python3.12 python3.11)
[ -z "${PYTHON:-}" ] || names=("$PYTHON")

chosen() {
    local name
    for name in "${names[@]}"; do
        if new_enough "$name" && { has_venv "$name" || may_install; }; then
            command -v "$name"
            return
        fi
    done
    echo "gwanje needs Python 3.11 or newer that can make virtual environments; install it (Debian: apt-get install python3-venv)" \
        "or name it: PYTHON=/path/to/python3 make setup" >&2
    return 2
}

make_venv() {
    has_venv "$1" || scripts/packages.sh venv
    "$1" -m venv --clear .venv
}

if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    python=$(chosen)
    make_venv "$python"
fi
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/uv.txt
