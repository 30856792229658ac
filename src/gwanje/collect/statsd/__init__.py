"""StatsD's door: what programs send becomes series, held for a while and handed on as samples."""
