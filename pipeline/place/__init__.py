"""Where a body stands, and how large it is."""
