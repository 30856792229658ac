"""Stores of samples: append, and query in PromQL. A family: each other file is a kind."""
