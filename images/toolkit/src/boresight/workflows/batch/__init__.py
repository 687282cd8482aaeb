"""Batch runs: a notebook that runs to its end with nobody signed in.

:func:`submit` hands a notebook to the batch service, which runs it in a process of its own. Its
parameters, outputs and log are kept in the person's own prefix, ``s3://home/<user>/batch/<run>/``.
"""

from boresight.workflows.batch.client import (
    BatchRun,
    cancel,
    find_run,
    forget,
    list_runs,
    rerun,
    run_log,
    submit,
    wait_for,
)

__all__ = [
    "BatchRun",
    "cancel",
    "find_run",
    "forget",
    "list_runs",
    "rerun",
    "run_log",
    "submit",
    "wait_for",
]
