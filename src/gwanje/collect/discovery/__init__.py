"""Discovery says what there is to scrape, now and whenever that changes. A family: each other file is a kind."""
