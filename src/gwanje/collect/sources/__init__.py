"""Sources are where records come from: the web and its APIs. A family: each other file is a kind."""
