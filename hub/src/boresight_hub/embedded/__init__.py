"""One machine: processes, identity provider, object store."""
