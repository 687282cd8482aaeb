"""CARS' own tiles on a cluster whose workers share a volume with the caller.

One run of CARS drives the cluster's workers; its tiles meet as files on the volume.
:mod:`.run` starts it, :mod:`.workers` readies the workers, :mod:`.plugin` is what CARS loads.
"""
