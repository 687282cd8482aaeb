"""Preload of schedulers: a cluster whose gateway stays away ends itself.

A gateway that was killed is started again by its supervisor and finds its clusters. When nobody
does that, nobody would ever stop them either; so each scheduler asks the gateway for a sign of
life and closes itself, and with it its workers, after a stated time without an answer.
"""

from __future__ import annotations

import asyncio
import logging
import os
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPRequest

from boresight_hub.gateway.names import ABSENCE_VARIABLE

_POLLS_PER_LIMIT = 8

logger = logging.getLogger("distributed.boresight.orphan_watch")


async def watch(scheduler: Any, api_url: str, limit_s: float) -> None:
    """Close ``scheduler`` once ``api_url`` has not answered for ``limit_s`` seconds."""
    loop = asyncio.get_running_loop()
    last_answer_s = loop.time()
    request = HTTPRequest(f"{api_url}/health", connect_timeout=5, request_timeout=5)
    while loop.time() - last_answer_s < limit_s:
        await asyncio.sleep(limit_s / _POLLS_PER_LIMIT)
        try:
            await AsyncHTTPClient().fetch(request, raise_error=False)
            last_answer_s = loop.time()
        except OSError as exc:
            logger.warning("The gateway does not answer: %s", exc)
    logger.error("No gateway for %.0f s; this cluster ends.", limit_s)
    await scheduler.close(reason="gateway-absent")


async def dask_setup(scheduler: Any) -> None:
    """Start the watch. Called by Dask."""
    scheduler.boresight_orphan_watch = asyncio.create_task(
        watch(
            scheduler,
            os.environ["DASK_GATEWAY_API_URL"],
            float(os.environ[ABSENCE_VARIABLE]),
        )
    )
