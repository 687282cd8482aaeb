"""Configuration of the hub: sign-in, user servers, services, and the token files it keeps.

JupyterHub runs as ``python -m jupyterhub -f <this folder>/jupyterhub_config.py``. Every topic is
a pure function ``apply_<topic>(c, settings)``; the classes they name live beside them.

holder
    Something that works in a person's name and therefore holds token files: a user server, a
    Dask cluster, a Dask worker.
session
    One sign-in of one person at the identity provider; it ends with the sign-out.
"""
