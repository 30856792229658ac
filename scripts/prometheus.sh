#!/usr/bin/env bash
# Builds Prometheus 3 from its Go module into .cache/engines/, for the tests of remote write 2.0: Debian's is version 2.
# Minutes of two cores and about 4 GB in Go's caches, the first time only. Without Go, or without its modules, says so.
set -euo pipefail
cd "$(dirname "$0")/.."

program=.cache/engines/prometheus-3
[ -x "$program" ] && exit 0
if ! command -v go >/dev/null; then
    echo "no Prometheus 3: that needs Go; tests that use it are skipped" >&2
    exit 0
fi

mkdir -p .cache/engines
echo "building Prometheus 3"
log=$(mktemp)
trap 'rm -f "$log" "$program.part"' EXIT
nice go -C scripts/engines/prometheus build -ldflags="-s -w" -o "$PWD/$program.part" \
    github.com/prometheus/prometheus/cmd/prometheus >"$log" 2>&1 || {
    tail -n 20 "$log" >&2
    exit 1
}
mv "$program.part" "$program" # whole or not at all
