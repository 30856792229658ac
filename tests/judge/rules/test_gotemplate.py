"""Prometheus's templates: the usual ones are filled as Prometheus fills them, the rest is kept as text."""

import pytest

from gwanje.judge.rules.gotemplate import render

LABELS = {"instance": "web-1:9100", "job": "node"}


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("{{ $labels.instance }} of {{$labels.job}}", 1, "web-1:9100 of node"),
        ("{{ .Labels.instance }} is {{ .Value }}", 0.25, "web-1:9100 is 0.25"),
        ("[{{ $labels.nothing }}]", 1, "[]"),
        ("{{ $value }}", 80.0, "80"),
        ("{{ $value }}", None, "NaN"),
        ("{{ $value | humanize }}", 1234567.0, "1.235M"),
        ("{{ humanize $value }}", 0.00123, "1.23m"),
        ("{{ $value | humanize1024 }}", 1048576.0, "1Mi"),
        ("{{ $value | humanizePercentage }}", 0.12345, "12.35%"),
        ("{{ $value | humanizeDuration }}", 90061.0, "1d 1h 1m 1s"),
        ("{{ $value | humanizeDuration }}", 0.25, "250ms"),
        ("{{ $value | humanizeDuration }}", 61.0, "1m 1s"),
        ("{{ $value | humanizeTimestamp }}", 1435065584.128, "2015-06-23 13:19:44.128 +0000 UTC"),
        ('{{ printf "%.2f" $value }}%', 12.345, "12.35%"),
        ('{{ $value | printf "%.1f" }}', 12.345, "12.3"),
        ('{{ printf "%s at %d%%" $labels.job $value }}', 80.0, "node at 80%"),
        ("{{ $labels.job | toUpper }}", 1, "NODE"),
        ('{{ reReplaceAll ":(.*)" " on $1" $labels.instance }}', 1, "web-1 on 9100"),
        ("{{- $labels.job -}}", 1, "node"),
    ],
)
def test_the_usual_templates_are_filled(text: str, value: float | None, expected: str) -> None:
    assert render(text, LABELS, value) == expected


@pytest.mark.parametrize(
    "text",
    [
        '{{ range query "up" }}x{{ end }}',
        "{{ if gt $value 5.0 }}high{{ end }}",
        "{{ with $x := 1 }}",
        "{{ $value | unknown }}",
        '{{ printf "%d" }}',
        "{{ }}",
        "{{ open",
    ],
)
def test_what_is_beyond_them_is_kept_as_text(text: str) -> None:
    assert render(text, LABELS, 1.0) == text
