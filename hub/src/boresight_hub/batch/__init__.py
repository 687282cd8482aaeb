"""Batch runs: notebooks that run to their end with nobody signed in.

A *run* is one notebook with its parameters, in a process of its own that belongs neither to a user
server nor to this service: it survives the sign-out of its owner, and restarts of hub and service.
Everything that is known of it lies in its folder (:mod:`~boresight_hub.batch.records`), where a
service that was started anew finds it. Its credentials stand on a batch grant of its owner's,
which is ended with the run.
"""
