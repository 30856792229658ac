#!/usr/bin/env bash
# Installs the Debian packages of one purpose, and starts none of their services. As root; otherwise says what is missing.
#   scripts/packages.sh venv|tests|engines
set -euo pipefail
cd "$(dirname "$0")/.."

case "${1:-}" in
    venv) packages=(python3-venv) ;;
    tests) packages=(chromium fonts-noto-cjk iproute2) ;;
    engines)
        packages=(
            chromium fonts-noto-cjk iproute2 iptables
            docker.io docker-compose debootstrap busybox-static
            prometheus prometheus-node-exporter prometheus-blackbox-exporter prometheus-alertmanager
            victoria-metrics influxdb mariadb-server postgresql
        )
        ;;
    *)
        echo "usage: scripts/packages.sh venv|tests|engines" >&2
        exit 2
        ;;
esac

installed() { dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }

missing=()
for package in "${packages[@]}"; do
    installed "$package" || missing+=("$package")
done
[ "${#missing[@]}" = 0 ] && exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "not installed, because that needs root on Debian: ${missing[*]}; tests that use them are skipped" >&2
    [ "$1" = venv ] && exit 2
    exit 0
fi

# Debian starts a service as soon as its package is unpacked, unless this file says no.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    trap 'rm -f "$policy"' EXIT
fi

apt() { DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@" </dev/null; }
install() { apt install -y --no-install-recommends "${missing[@]}"; }

echo "installing ${missing[*]}"
log=$(mktemp)
# The lists may be old or absent: they are fetched again when a first try fails.
install >"$log" 2>&1 || { apt update && install; } >"$log" 2>&1 || {
    cat "$log" >&2
    rm -f "$log"
    exit 1
}
rm -f "$log"
