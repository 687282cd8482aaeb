"""Whether a person uses the server by the browser: what they do, not what Lab does by itself.

An open Lab asks for kernels, sessions, terminals and folders every few seconds, whether or not
somebody sits before it. Reading these is no use of a server; opening a page, saving a file or
starting something is. A request that is not known counts as use: better a server too long than
somebody's work lost.
"""

from __future__ import annotations

import re
import time
from typing import Any

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
#: What Lab asks by itself.
_POLLED = re.compile(
    r"api/?$|(api/(kernels|sessions|terminals|contents|status|kernelspecs|me|config|metrics|spec\.yaml)"
    r"|lab/(api|extensions)|lsp|static|metrics|boresight(-desktop)?)(/|$)|favicon\.ico$|custom/custom\.css$"
)
#: What Lab writes by itself: how its windows are arranged; and our own routes.
_WRITTEN = re.compile(r"lab/api/workspaces(/|$)|boresight/(?!api/idle/here)")


class Presence:
    """When somebody last did something by the browser.

    Parameters
    ----------
    base_url : str
        Path of the server, with slashes at both ends.
    """

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._last = time.monotonic()

    @property
    def idle_s(self) -> float:
        """Time since then [s]."""
        return time.monotonic() - self._last

    def note(self, method: str, path: str) -> None:
        """Take notice of a request that was answered."""
        if is_use(method, path.removeprefix(self._base_url)):
            self._last = time.monotonic()

    def listen(self, application: Any) -> None:
        """Hear of every request of a tornado application; what logs them goes on doing so."""
        before = application.log_request

        def log_and_note(handler: Any) -> None:
            before(handler)
            if handler.get_status() < 400:
                self.note(handler.request.method or "GET", handler.request.path)

        # not the setting log_function: JupyterHub sets that later
        application.log_request = log_and_note


def is_use(method: str, path: str) -> bool:
    """Whether a request, its path without the server's, is a person's doing.

    Examples
    --------
    >>> is_use("GET", "lab/tree/dark.ipynb"), is_use("PUT", "api/contents/dark.ipynb")
    (True, True)
    >>> is_use("GET", "api/kernels"), is_use("PUT", "lab/api/workspaces/default")
    (False, False)
    """
    pattern = _POLLED if method in _READS else _WRITTEN
    return pattern.match(path) is None
