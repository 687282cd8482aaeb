"""A user server's part in the environment: it tells the hub what works in it.

A Jupyter server extension. Every minute it reports to the hub how long ago each thing was last
used, and is told when the server will end, what of it the person has to know, and what an
administrator announces. The hub judges; nothing here ends a server.

activity
    Something in a server that works, or was used some time ago: a cell, a terminal, a desktop.
"""

from boresight.server.activity import JOB_VARIABLE, Activity, job_environment

__all__ = ["JOB_VARIABLE", "Activity", "job_environment"]


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "boresight.server.extension"}]
