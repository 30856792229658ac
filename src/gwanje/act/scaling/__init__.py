"""Desired sizes, and why. A thinking room: pure, told the time."""
