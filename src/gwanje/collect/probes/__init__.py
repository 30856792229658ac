"""Probes look at one thing on the host or cluster and return samples. A family: each other file is a kind."""
