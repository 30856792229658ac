"""Act: what gwanje changes in the outside world by itself, sizes and actions, each with its reason."""
