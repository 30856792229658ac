"""Judge: which breaches are alerts, and why; from samples to the states of an alert."""
