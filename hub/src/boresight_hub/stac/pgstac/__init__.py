"""The catalogue on pgSTAC: PostgreSQL with PostGIS, for a centre.

pgSTAC keeps, partitions and rebuilds items, by its own functions; searching is our SQL over its
tables (ADR 0010). Needs the extra ``boresight-hub[pgstac]``.
"""
