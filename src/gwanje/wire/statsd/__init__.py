"""StatsD's lines, and DogStatsD's: a name, a value, a type, a rate and tags."""
