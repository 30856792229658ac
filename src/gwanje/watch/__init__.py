"""Where the floors meet: a round asks samples, judges, tells, and writes it down in one transaction."""
