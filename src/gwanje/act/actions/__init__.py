"""Actions can do something in the world. A family: each other file is a kind."""
