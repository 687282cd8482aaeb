"""Jobs: work in a process of its own, which outlives the notebook or page that began it.

::

    from boresight.workflows import jobs

    job = jobs.start_stereo(left, right, n_workers=2)
    jobs.read(job.id).what            # "one task: matching", from any process of yours
    jobs.cancel(job.id)

What a job was asked for, how it goes, its log and its result lie in a folder of the user's home
(:mod:`.records`), so that closing Lab, ending a kernel or a crash loses none of it. Records name
items, options and results; credentials are never among them.
"""

from boresight.workflows.jobs.control import cancel, forget, listed, log_part, read, wait
from boresight.workflows.jobs.leftovers import end_left_clusters, end_left_clusters_soon
from boresight.workflows.jobs.records import ClusterNews, Job, JobState, jobs_folder
from boresight.workflows.jobs.request import ComputeRequest, ItemReference, StereoRequest
from boresight.workflows.jobs.start import start_stereo

__all__ = [
    "ClusterNews",
    "ComputeRequest",
    "ItemReference",
    "Job",
    "JobState",
    "StereoRequest",
    "cancel",
    "end_left_clusters",
    "end_left_clusters_soon",
    "forget",
    "jobs_folder",
    "listed",
    "log_part",
    "read",
    "start_stereo",
    "wait",
]
