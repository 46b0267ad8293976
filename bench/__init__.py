"""What the portal costs, measured against the bare work that nobody can do without."""
