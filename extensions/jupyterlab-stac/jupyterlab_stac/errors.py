"""Errors that are meant for people.

::

    PanelError                 message = value seen, rule; remedy = what the reader can do
    ├── RequestError           the browser asked for what there is not (400)
    ├── HostError              an address that is not allowed (403)
    ├── UnreachableError       nobody answers there (502)
    │   └── SlowError          an answer takes too long (504)
    ├── AnswerError            an answer that cannot be used: a status, HTML, too large (502)
    │   └── BusyError          429 or 503: to be asked again later
    ├── SigningError           no signed address (502)
    ├── PreviewError           no picture of this asset (422)
    └── DownloadError          a file cannot be fetched or kept (422)
"""

from __future__ import annotations

from typing import Any


class PanelError(Exception):
    """Base: becomes an answer that the panel tells in the reader's language.

    Parameters
    ----------
    message : str
        The value seen and the rule it breaks.
    remedy : str
        What the reader can do.
    kind : str
        Names the sentence for translations; the class's own unless given.
    **values : Any
        What stands in the sentence; JSON types.
    """

    status = 500
    kind = "failed"

    def __init__(self, message: str, *, remedy: str = "", kind: str = "", **values: Any) -> None:
        super().__init__(f"{message} {remedy}".strip())
        self.message = message
        self.remedy = remedy
        self.kind = kind or self.kind
        self.values = values

    def to_json(self) -> dict[str, Any]:
        """Body of the answer."""
        return {
            "kind": self.kind,
            "message": self.message,
            "remedy": self.remedy,
            "values": self.values,
        }


class RequestError(PanelError):
    """The browser asked for what there is not."""

    status = 400
    kind = "request"


class HostError(PanelError):
    """An address that is not allowed."""

    status = 403
    kind = "host"


class UnreachableError(PanelError):
    """Nobody answers there."""

    status = 502
    kind = "unreachable"


class SlowError(UnreachableError):
    """An answer takes too long."""

    status = 504
    kind = "slow"


class AnswerError(PanelError):
    """An answer that cannot be used."""

    status = 502
    kind = "answer"


class BusyError(AnswerError):
    """The service asks to be left alone for a while."""

    kind = "busy"


class SigningError(PanelError):
    """There is no signed address."""

    status = 502
    kind = "signing"


class PreviewError(PanelError):
    """There is no picture of this asset."""

    status = 422
    kind = "preview"


class DownloadError(PanelError):
    """A file cannot be fetched or kept."""

    status = 422
    kind = "download"
