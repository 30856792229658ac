"""What changed, told to every process that streams it to pages. A family: each other file is a kind."""
