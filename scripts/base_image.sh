#!/usr/bin/env bash
# Makes .cache/debian-python.tar, a container base image of Debian with Python from the machine's own Debian mirror,
# for machines that reach no image registry. Needs root and debootstrap; otherwise says so and does nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

image=.cache/debian-python.tar
[ -s "$image" ] && exit 0
if [ "$(id -u)" != 0 ] || ! command -v debootstrap >/dev/null; then
    echo "no container base image: that needs root and debootstrap; tests that use it are skipped" >&2
    exit 0
fi

# The first mirror that apt uses here, in either of its two formats.
shopt -s nullglob
mirror=$(
    cat /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list /etc/apt/sources.list 2>/dev/null |
        awk '/^URIs:/ {print $2; exit} /^deb / {for (i = 2; i <= NF; i++) if ($i ~ /^https?:/) {print $i; exit}}'
) || true
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")

mkdir -p .cache
tree=$(mktemp -d "$PWD/.cache/base.XXXXXX")
trap 'rm -rf "$tree"' EXIT
echo "making a container base image with debootstrap"
debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates "$suite" "$tree" ${mirror:+"$mirror"} >"$tree.log" 2>&1 || {
    tail -n 20 "$tree.log" >&2
    exit 1
}
rm -rf "$tree.log" "$tree"/var/cache/apt/* "$tree"/var/lib/apt/lists/*
tar --numeric-owner -C "$tree" -cf "$image.part" .
mv "$image.part" "$image" # whole or not at all
