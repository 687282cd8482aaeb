"""Runs jupyterhub-idle-culler, whose options it takes, with our logging.

By itself it writes its token down when the hub is away at the time of a look: the failed call is
logged with its arguments.
"""

from jupyterhub_idle_culler import IdleCuller

from boresight_hub import logs

if __name__ == "__main__":
    logs.configure()
    IdleCuller.launch_instance()
