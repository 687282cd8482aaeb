"""A package, so that its services end when its last test has run."""
