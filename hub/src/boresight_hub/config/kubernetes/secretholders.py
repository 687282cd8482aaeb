"""Token files as Secrets, one a holder, in the namespace of users.

The Secret is mounted into the holder's pods, and kubelet puts a new content in place atomically. By
itself it looks about once a minute. A change of an annotation makes it look at once, so each pod of
a renewed holder gets one: files are there within seconds; a minute is the bound, not the rule.

The Secrets are the registry: a hub that was restarted reads them and carries on. This process is
the only one that writes them, so reading happens in memory; what is asked for is noted there and
carried out by :meth:`SecretHolders.flush`.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import time
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from kubernetes_asyncio.client import CoreV1Api, V1ObjectMeta, V1Secret
from kubernetes_asyncio.client.exceptions import ApiException

from boresight_hub.config.holders import TOKEN_FILES, check_holder, folder_name
from boresight_hub.environment import POD_TOKEN_DIR, token_secret_name

log = logging.getLogger(__name__)

USER_ANNOTATION = "boresight.io/user"
HOLDER_ANNOTATION = "boresight.io/holder"
RENEWED_ANNOTATION = "boresight.io/tokens-renewed"
#: Label of pods: name of the Secret they mount.
TOKENS_LABEL = "boresight.io/tokens"
COMPONENT = {"app.kubernetes.io/component": "token-files"}

_TIMEOUT_S = 10.0
_CONFLICT = 409
_ABSENT = 404
_Holder = tuple[str, str]


@dataclass
class _Entry:
    tokens: dict[str, str] = field(default_factory=dict)
    is_stored: bool = False


class SecretHolders:
    """Holders of one environment.

    Parameters
    ----------
    api : CoreV1Api
    namespace : str
        Where people's pods are.
    """

    def __init__(self, api: CoreV1Api, namespace: str) -> None:
        self._api = api
        self._namespace = namespace
        self._entries: dict[_Holder, _Entry] = {}
        self._dirty: set[_Holder] = set()
        self._is_loaded = False
        self._lock = asyncio.Lock()

    async def load(self) -> None:
        """Read what a hub before this one has kept, unless that was done."""
        if self._is_loaded:
            return
        async with self._lock:
            found = await self._api.list_namespaced_secret(
                self._namespace, label_selector=_selector(COMPONENT), _request_timeout=_TIMEOUT_S
            )
            for secret in found.items:
                notes = secret.metadata.annotations or {}
                holder = (notes.get(USER_ANNOTATION, ""), notes.get(HOLDER_ANNOTATION, ""))
                if token_secret_name(*holder) != secret.metadata.name:
                    log.warning("the Secret %s is none of ours", secret.metadata.name)
                    continue
                data = secret.data or {}
                tokens = {n: base64.b64decode(data[n]).decode() for n in TOKEN_FILES if n in data}
                self._entries.setdefault(holder, _Entry(tokens)).is_stored = True
            self._is_loaded = True

    def path(self, username: str, holder: str) -> Path:
        """Folder in which the holder finds its files; the same in every pod."""
        folder_name(username)
        check_holder(holder)
        return POD_TOKEN_DIR

    def exists(self, username: str, holder: str) -> bool:
        """Whether a holder is registered."""
        return (username, holder) in self._entries

    def create(self, username: str, holder: str) -> Path:
        """Register a holder."""
        path = self.path(username, holder)
        if (username, holder) not in self._entries:
            self._entries[username, holder] = _Entry()
            self._dirty.add((username, holder))
        return path

    def remove(self, username: str, holder: str) -> None:
        """Remove a holder and its files; nothing happens when it is absent."""
        if self._entries.pop((username, holder), None) is not None:
            self._dirty.add((username, holder))

    def empty(self, username: str, holder: str) -> None:
        """Remove a holder's files and keep it registered."""
        entry = self._entries.get((username, holder))
        if entry is not None and entry.tokens:
            entry.tokens.clear()
            self._dirty.add((username, holder))

    def users(self) -> list[str]:
        """Everybody who has a holder, by name."""
        return sorted({username for username, _ in self._entries})

    def of(self, username: str) -> list[str]:
        """Holders of one person."""
        return sorted(holder for name, holder in self._entries if name == username)

    def write(self, username: str, holder: str, name: str, token: str) -> None:
        """Put ``token`` in place of the file ``name``."""
        self._entries[username, holder].tokens[name] = token
        self._dirty.add((username, holder))

    def read(self, username: str, holder: str, name: str) -> str | None:
        """Content of the file ``name``; None when there is none."""
        entry = self._entries.get((username, holder))
        return entry.tokens.get(name) if entry else None

    async def flush(self) -> bool:
        """Carry out what was asked for; False when something is left for the next time."""
        async with self._lock:
            for holder in sorted(self._dirty):
                # first, so that what is asked for meanwhile is not forgotten
                self._dirty.discard(holder)
                try:
                    await self._store(holder)
                except (ApiException, aiohttp.ClientError, TimeoutError) as exc:
                    self._dirty.add(holder)
                    log.warning("the token files of %s cannot be stored: %s", holder, _reason(exc))
            return not self._dirty

    async def _store(self, holder: _Holder) -> None:
        name = token_secret_name(*holder)
        entry = self._entries.get(holder)
        if entry is None:
            await self._delete(name)
            return
        body = _secret(name, holder, entry.tokens)
        was_stored = entry.is_stored
        try:
            await self._put(name, body, replace=was_stored)
        except ApiException as exc:
            if exc.status != (_ABSENT if was_stored else _CONFLICT):
                raise
            await self._put(name, body, replace=not was_stored)
        entry.is_stored = True
        if was_stored:
            await self._nudge(name)

    async def _put(self, name: str, body: V1Secret, *, replace: bool) -> None:
        if replace:
            await self._api.replace_namespaced_secret(
                name, self._namespace, body, _request_timeout=_TIMEOUT_S
            )
        else:
            await self._api.create_namespaced_secret(
                self._namespace, body, _request_timeout=_TIMEOUT_S
            )

    async def _delete(self, name: str) -> None:
        try:
            await self._api.delete_namespaced_secret(
                name, self._namespace, _request_timeout=_TIMEOUT_S
            )
        except ApiException as exc:
            if exc.status != _ABSENT:
                raise

    async def _nudge(self, name: str) -> None:
        """Make kubelet look at the Secret now; when that fails it does so in its own time."""
        change = {"metadata": {"annotations": {RENEWED_ANNOTATION: f"{time.time():.0f}"}}}
        try:
            pods = await self._api.list_namespaced_pod(
                self._namespace,
                label_selector=_selector({TOKENS_LABEL: name}),
                _request_timeout=_TIMEOUT_S,
            )
            for pod in pods.items:
                await self._api.patch_namespaced_pod(
                    pod.metadata.name, self._namespace, change, _request_timeout=_TIMEOUT_S
                )
        except (ApiException, aiohttp.ClientError, TimeoutError) as exc:
            log.info("pods with %s see it in kubelet's own time: %s", name, _reason(exc))


def _secret(name: str, holder: _Holder, tokens: dict[str, str]) -> V1Secret:
    username, holder_name = holder
    notes = {USER_ANNOTATION: username, HOLDER_ANNOTATION: holder_name}
    return V1Secret(
        metadata=V1ObjectMeta(name=name, labels=dict(COMPONENT), annotations=notes),
        string_data=dict(tokens),
    )


def _selector(labels: dict[str, str]) -> str:
    return ",".join(f"{name}={value}" for name, value in labels.items())


def _reason(exc: Exception) -> str:
    # the whole text of an ApiException has headers and bodies in it
    if isinstance(exc, ApiException):
        return f"the API server answers {exc.status} {exc.reason}"
    return type(exc).__name__
