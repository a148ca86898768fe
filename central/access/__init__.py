"""Who may have what from a server, how much of it, and how many at a time."""
