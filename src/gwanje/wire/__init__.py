"""The formats that travel: each with `encode`, light enough for the agent, and `decode`, whole bodies to arrays."""
