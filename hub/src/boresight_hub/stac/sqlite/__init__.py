"""The catalogue in an SQLite file: one machine, nothing to install."""
