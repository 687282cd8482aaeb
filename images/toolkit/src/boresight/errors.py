"""Errors of the toolkit.

::

    BoresightError                 message = value seen, rule, remedy
    ├── InputError (ValueError)    an input breaks a rule
    │   ├── ImageError             unreadable, truncated, empty, without texture or all nodata
    │   ├── RpcError               no RPC, or one that cannot be used
    │   ├── OverlapError           images that do not see the same ground
    │   ├── UnitsError             digital numbers where radiance is due, or the other way round
    │   ├── NotFiniteError         NaN or infinity where a number is due
    │   ├── SpectralRangeError     a spectrum ends where a band still responds
    │   ├── FramesError            frames of the wrong shape, or that tell nothing
    │   │   ├── TooFewFramesError
    │   │   ├── SaturatedError     more pixels at the top of the scale than a method bears
    │   │   ├── EmptyFrameError    no light, or no sign of life, where there has to be some
    │   │   └── CloudError         clouds, or their shadows, over a site that has to be clear
    │   ├── ParameterSetError      incomplete, damaged or not made for this use
    │   │   ├── ValidityError      the acquisition lies outside the time of validity
    │   │   ├── ForeignInstrumentError  another satellite or instrument
    │   │   └── BandOrderError     bands missing, unknown or in another order
    │   ├── EdgeError              an edge too short, not slanted enough, or without contrast
    │   ├── SaturationError        pixels at the end of the detector's range
    │   ├── PointsError            ground or tie points: too few, collinear, or all outliers
    │   └── SingularError          observations that leave unknowns undetermined
    ├── AccessError                no credentials, refused, or a service out of reach
    │   ├── ForeignHrefError       an address outside our buckets
    │   ├── CatalogueError         unknown collection or item, or the catalogue refused
    │   └── ExpiredSessionError    the session is over: sign in again
    ├── HubError                   the hub is out of reach
    │   └── HubRefusal             it does not allow what was asked, and says why
    ├── ComputeError               no cluster, a limit, or work that failed
    ├── BatchError                 the batch service refused, or a run took too long
    ├── HomeError                  a snapshot, a restore, or a home without room
    ├── PackagesError              packages of one's own that cannot be had on this image
    ├── JobError                   no such job, or one that is not at the point for this
    ├── StereoError                the stereo engine failed
    ├── ProgramError               an optional program is not installed, or it failed
    └── NonConvergenceError        a bounded solver ended without an answer
"""

from __future__ import annotations


class BoresightError(Exception):
    """Base of every error that is meant for people.

    Parameters
    ----------
    message : str
        The value seen and the rule it breaks.
    remedy : str, optional
        What the reader can do about it.
    """

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(f"{message} {remedy}".strip())
        self.message = message
        self.remedy = remedy

    def __reduce__(self) -> tuple[object, ...]:
        # errors travel from workers to notebooks by pickle, which forgets keyword arguments
        return (_rebuild, (type(self), self.message, self.remedy))


def _rebuild(kind: type[BoresightError], message: str, remedy: str) -> BoresightError:
    return kind(message, remedy=remedy)


class InputError(BoresightError, ValueError):
    """An input breaks a rule."""


class ImageError(InputError):
    """An image is unreadable, truncated, empty, without texture or all nodata."""


class RpcError(InputError):
    """An image has no RPC, or one that cannot be used."""


class OverlapError(InputError):
    """Two images do not see the same ground."""


class UnitsError(InputError):
    """Digital numbers where radiance is due, or the other way round."""


class NotFiniteError(InputError):
    """NaN or infinity where a number is due."""


class SpectralRangeError(InputError):
    """A spectrum ends where a band still responds."""


class FramesError(InputError):
    """Frames of the wrong shape, or that tell nothing."""


class TooFewFramesError(FramesError):
    """Fewer frames or levels than a method needs."""


class SaturatedError(FramesError):
    """More pixels at the top of the scale than a method bears."""


class EmptyFrameError(FramesError):
    """No light, or no sign of life, where there has to be some."""


class CloudError(FramesError):
    """Clouds, or their shadows, over a site that has to be clear."""


class ParameterSetError(InputError):
    """A parameter set is incomplete, damaged or not made for this use."""


class ValidityError(ParameterSetError):
    """The acquisition lies outside the time of validity."""


class ForeignInstrumentError(ParameterSetError):
    """The parameter set belongs to another satellite or instrument."""


class BandOrderError(ParameterSetError):
    """Bands are missing, unknown or in another order."""


class EdgeError(InputError):
    """An edge is too short, not slanted enough, or has no contrast."""


class SaturationError(ImageError):
    """Pixels lie at the end of the detector's range."""


class PointsError(InputError):
    """Ground or tie points are too few, collinear, or all outliers."""


class SingularError(InputError):
    """Observations leave unknowns undetermined."""


class AccessError(BoresightError):
    """No credentials, a refusal, or a service out of reach."""


class ForeignHrefError(AccessError, ValueError):
    """An address lies outside our buckets."""


class CatalogueError(AccessError):
    """An unknown collection or item, or the catalogue refused."""


class ExpiredSessionError(AccessError):
    """The session is over: sign in again."""


class HubError(BoresightError):
    """The hub is out of reach."""


class HubRefusal(HubError):  # noqa: N818 - an answer, not a failure
    """The hub does not allow what was asked, and says why."""


class ComputeError(BoresightError):
    """No cluster, a limit, or work that failed."""


class BatchError(BoresightError):
    """The batch service refused, or a run took too long."""


class HomeError(BoresightError):
    """A snapshot or a restore failed, or a home has no room."""


class PackagesError(BoresightError):
    """Packages of one's own cannot be had, or cannot be installed, on this image."""


class JobError(BoresightError):
    """There is no such job, or it is not at the point for what was asked."""


class StereoError(BoresightError):
    """The stereo engine failed."""


class ProgramError(BoresightError):
    """An optional program is not installed, or it failed."""


class NonConvergenceError(BoresightError):
    """A bounded solver ended without an answer."""
