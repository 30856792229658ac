"""Keep: the stores of samples, events, records and state, each behind its promise."""
