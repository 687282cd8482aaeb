"""``…/boresight/open``: a page that copies a notebook somebody has shared, after a question.

A link alone changes nothing in a home: the form of the page does, with Jupyter's XSRF token.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment as Pages
from jinja2 import FileSystemLoader
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from tornado import web

from boresight.errors import AccessError, BoresightError
from boresight.server.words import language_of, words_of
from boresight.workflows.share.notebooks import Shared, copy_shared

_PAGES = Pages(loader=FileSystemLoader(Path(__file__).with_name("templates")), autoescape=True)


class OpenPage(JupyterHandler):
    """Asks, then copies."""

    @web.authenticated
    async def get(self) -> None:
        """Ask whether the notebook is to be copied."""
        try:
            shared = self._shared()
        except BoresightError as exc:
            self._show(None, str(exc), 400)
            return
        self._show(shared, "", 200)

    @web.authenticated
    async def post(self) -> None:
        """Copy it, and open the copy in Lab."""
        shared: Shared | None = None
        try:
            shared = self._shared()
            path = await asyncio.to_thread(copy_shared, shared)
        except (BoresightError, OSError) as exc:
            self._show(shared, str(exc), 404 if isinstance(exc, AccessError) else 400)
            return
        self.redirect(url_path_join(self.base_url, "lab", "tree", quote(path.as_posix())))

    def _shared(self) -> Shared:
        return Shared(*(self.get_query_argument(name, "") for name in ("owner", "version", "name")))

    def _show(self, shared: Shared | None, problem: str, status: int) -> None:
        language = language_of(
            self.get_cookie("boresight-language"), self.request.headers.get("Accept-Language", "")
        )
        self.set_status(status)
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(
            _PAGES.get_template("open.html").render(
                **words_of(language),
                language=language,
                shared=shared,
                problem=problem,
                base_url=self.base_url,
                xsrf=self.xsrf_form_html(),
            )
        )


def handlers(base_url: str) -> list[tuple[str, type[JupyterHandler]]]:
    """Routes of this module."""
    return [(url_path_join(base_url, "boresight", "open"), OpenPage)]
