"""The part of the object store that is a person's own."""

from __future__ import annotations

from boresight.access import Environment


def own_prefix(environment: Environment) -> str:
    """``s3://`` address below which only its owner reads and writes, without a slash at its end.

    Examples
    --------
    >>> from pathlib import Path
    >>> own_prefix(Environment("http://127.0.0.1:1", ("catalogue", "home"), "", Path(), "marie"))
    's3://home/marie'
    """
    # the variable lists the buckets in this order: catalogue, products, home
    return f"s3://{environment.buckets[-1]}/{environment.user}"
