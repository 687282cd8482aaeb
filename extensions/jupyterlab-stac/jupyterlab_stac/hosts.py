"""Which hosts the server may ask on the browser's behalf.

Three sorts. *Configured* hosts (by the operator's traits, or by an installed token provider or
signer) may have any address, also of this machine. Hosts that the reader has *added* in the panel
have to have public addresses, looked at when a connection is made: a name that changes its address
meanwhile gains nothing. All others are refused.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from urllib.request import getproxies

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from jupyterlab_stac.errors import HostError

_DEFAULT_PORTS = {"http": 80, "https": 443}


def host_of(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of an address.

    Raises
    ------
    HostError
        When it is no plain http(s) address.
    """
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".").encode("idna").decode()
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    except (ValueError, UnicodeError):
        parts, host, port = urlsplit(""), "", 0
    plain = host and port and not parts.username and not parts.password and "\\" not in url
    if not plain or any(ord(c) <= 0x20 for c in url):
        raise HostError(
            f"{url[:200]!r} is not a plain http:// or https:// address.",
            remedy="Give one without a user's name in it.",
            kind="address",
            url=url[:200],
        )
    return parts.scheme, host, port


@dataclass
class Hosts:
    """The allow-list.

    Parameters
    ----------
    configured : iterable of str
        ``host``, ``host:port`` or ``*.domain``; without a port, 80 and 443.
    added : iterable of str
        As above, without ``*``; https only.
    """

    configured: Iterable[str] = ()
    added: Iterable[str] = ()
    _configured: set[str] = field(init=False)
    _added: set[str] = field(init=False)

    def __post_init__(self) -> None:
        self._configured = {entry.lower() for entry in self.configured}
        self._added = {entry.lower() for entry in self.added}

    def configure(self, url: str) -> None:
        """Allow the host of an address, whatever its own address is."""
        _, host, port = host_of(url)
        self._configured.add(_entry(host, port))

    def add(self, url: str) -> str:
        """Allow the host of an address as long as its own address is public; its entry.

        Raises
        ------
        HostError
            When it is not https, or names a private address.
        """
        scheme, host, port = host_of(url)
        if scheme != "https":
            raise HostError(
                f"{url[:200]!r} is not taken: hosts that are added have to speak https.",
                remedy="An operator can configure it: StacPanel.hosts.",
                kind="https",
                url=url[:200],
            )
        _check_literal(host)
        entry = _entry(host, port)
        self._added.add(entry)
        return entry

    def remove(self, entry: str) -> None:
        """Take an added host off the list."""
        self._added.discard(entry)

    def check(self, url: str) -> None:
        """Make sure that ``url`` may be asked for.

        Raises
        ------
        HostError
            When its host is on neither list.
        """
        scheme, host, port = host_of(url)
        if self.is_configured(host, port):
            return
        if scheme == "https" and _matches(self._added, host, port):
            _check_literal(host)
            return
        raise HostError(
            f"The host {host[:100]!r} is not one that this server asks.",
            remedy="Allow it in the panel, or have an operator configure it: StacPanel.hosts.",
            host=host[:100],
            url=f"{scheme}://{host}:{port}",
        )

    def allows(self, url: str) -> bool:
        """Whether `check` lets ``url`` pass."""
        try:
            self.check(url)
        except HostError:
            return False
        return True

    def is_configured(self, host: str, port: int) -> bool:
        """Whether an operator has named the host."""
        return _matches(self._configured, host, port)

    def check_address(self, host: str, port: int, address: str) -> None:
        """Make sure that a connection to ``host`` may go to ``address``.

        Raises
        ------
        HostError
            When the address is private and the host was not configured.
        """
        if not self.is_configured(host, port):
            _check_public(host, address)


class GuardedResolver(AbstractResolver):
    """Looks names up, and refuses addresses that the allow-list refuses.

    Parameters
    ----------
    hosts : Hosts
    """

    def __init__(self, hosts: Hosts) -> None:
        self._hosts = hosts
        self._inner = ThreadedResolver()
        # of what lies behind a proxy only the proxy knows the address
        self._proxies = {urlsplit(url).hostname for url in getproxies().values()}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Addresses of ``host``, all of them allowed."""
        found = await self._inner.resolve(host, port, family)
        if host not in self._proxies:
            for one in found:
                self._hosts.check_address(host, port, one["host"])
        return found

    async def close(self) -> None:
        """End."""
        await self._inner.close()


def _entry(host: str, port: int) -> str:
    return host if port in _DEFAULT_PORTS.values() else f"{host}:{port}"


def _matches(entries: set[str], host: str, port: int) -> bool:
    if _entry(host, port) in entries or f"{host}:{port}" in entries:
        return True
    usual = port in _DEFAULT_PORTS.values()
    return usual and any(e.startswith("*.") and host.endswith(e[1:]) for e in entries)


def _check_literal(host: str) -> None:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        # other spellings, as 0x7f.1, are looked up, and refused then
        return
    _check_public(host, host)


def _check_public(host: str, address: str) -> None:
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None) or getattr(found, "sixtofour", None)
    if not found.is_global or found.is_multicast or (mapped is not None and not mapped.is_global):
        raise HostError(
            f"The host {host[:100]!r} has the address {address}, which is not public.",
            remedy="An operator can configure it: StacPanel.hosts.",
            kind="private",
            host=host[:100],
        )
