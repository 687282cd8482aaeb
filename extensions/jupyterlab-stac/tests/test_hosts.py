"""Which hosts are asked: refusals first show that the same request passes once it is allowed."""

from __future__ import annotations

import asyncio
import socket
from urllib.parse import quote

import pytest
from aiohttp.abc import AbstractResolver

from jupyterlab_stac.client import Client
from jupyterlab_stac.errors import (
    AnswerError,
    BusyError,
    HostError,
    PanelError,
    RequestError,
    SlowError,
    UnreachableError,
)
from jupyterlab_stac.hosts import GuardedResolver, Hosts, host_of

pytestmark = pytest.mark.enable_socket


def nobody(url: str) -> dict[str, str]:
    return {}


@pytest.fixture
async def ask(host):
    clients = []

    async def asked(url, hosts=(host.netloc,), headers_for=nobody, **options):
        client = Client(Hosts(hosts), headers_for, **options)
        clients.append(client)
        return (await client.ask(url)).json()

    yield asked
    for client in clients:
        await client.close()


async def test_a_host_is_asked_when_it_is_configured_and_only_then(host, ask):
    assert (await ask(host.url("a")))["path"] == "/a"
    with pytest.raises(HostError, match=r"127\.0\.0\.1"):
        await ask(host.url("a"), hosts=())
    assert len(host.asked) == 1


async def test_another_port_of_a_configured_host_is_another_host(host, ask):
    with pytest.raises(HostError):
        await ask(host.url("a"), hosts=(f"127.0.0.1:{host.port + 1}",))
    with pytest.raises(HostError):
        await ask(host.url("a"), hosts=("127.0.0.1",))
    assert host.asked == []


async def test_a_redirection_is_followed_to_a_configured_host_and_to_no_other(host, ask):
    there = f"http://localhost:{host.port}/b"
    way = host.url(f"redirect?to={there}")
    both = (host.netloc, f"localhost:{host.port}")
    assert (await ask(way, hosts=both))["path"] == "/b"
    with pytest.raises(HostError, match="localhost"):
        await ask(way)
    assert [path for _, path, _ in host.asked].count("/b") == 1


async def test_the_token_goes_to_its_own_host_alone(host, ask):
    def tokens(url):
        return {"X-Token": "secret"} if url.startswith("http://127.0.0.1") else {}

    assert (await ask(host.url("a"), headers_for=tokens))["token"] == "secret"
    both = (host.netloc, f"localhost:{host.port}")
    way = host.url(f"redirect?to=http://localhost:{host.port}/b")
    assert (await ask(way, hosts=both, headers_for=tokens))["token"] is None


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1:{port}/",
        "https://127.0.0.1/",
        "https://10.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[fe80::1]/",
        "https://0.0.0.0/",
        "https://224.0.0.1/",
        "file:///etc/passwd",
        "ftp://example.org/",
        "https://user:word@example.org/",
        "https://example.org\\@127.0.0.1/",
        "https://exa mple.org/",
        "https://example.org:99999/",
        "//example.org/",
        "https:///x",
    ],
)
def test_what_a_reader_may_not_add(url, host):
    hosts = Hosts()
    assert hosts.add("https://example.org/stac") == "example.org"
    with pytest.raises(HostError):
        hosts.add(url.format(port=host.port))


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fd00::1"])
async def test_a_name_that_leads_to_a_private_address_is_refused_unless_configured(
    address, monkeypatch
):
    class Fixed(AbstractResolver):
        async def resolve(self, host, port=0, family=socket.AF_INET):
            return [{"hostname": host, "host": address, "port": port, "family": family,
                     "proto": 0, "flags": 0}]  # fmt: skip

        async def close(self):
            pass

    hosts = Hosts(["trusted.example"])
    hosts.add("https://added.example/")
    resolver = GuardedResolver(hosts)
    monkeypatch.setattr(resolver, "_inner", Fixed())
    assert (await resolver.resolve("trusted.example", 443))[0]["host"] == address
    with pytest.raises(HostError, match="not public"):
        await resolver.resolve("added.example", 443)


async def test_the_connection_itself_is_refused(host):
    # localhost passes as a name, and is refused when it is looked up
    client = Client(Hosts(), nobody)
    client._hosts._added.add(f"localhost:{host.port}")
    try:
        with pytest.raises(HostError, match="not public"):
            await client.ask(f"https://localhost:{host.port}/")
    finally:
        await client.close()
    assert host.asked == []


def test_wildcards_hold_for_names_below_and_for_usual_ports():
    hosts = Hosts(["*.blob.example"])
    assert hosts.allows("https://a.blob.example/x")
    for url in ("https://blob.example/", "https://a.blob.example:8443/", "https://xblob.example/"):
        assert not hosts.allows(url)


def test_addresses_are_taken_apart():
    assert host_of("HTTPS://Example.ORG./x") == ("https", "example.org", 443)
    assert host_of("http://127.0.0.1:8000") == ("http", "127.0.0.1", 8000)


@pytest.mark.parametrize(
    ("path", "error", "kind", "words"),
    [
        ("html", AnswerError, "html", "not with JSON"),
        ("status/401", AnswerError, "unauthorised", "sign-in"),
        ("status/403", AnswerError, "forbidden", "because <b>"),
        ("status/404", AnswerError, "status", "404"),
        ("status/500", AnswerError, "status", "because"),
        ("status/429", BusyError, "busy", "again in 7 s"),
        ("status/503", BusyError, "busy", "503"),
        ("drop", UnreachableError, "unreachable", "does not answer"),
    ],
)
async def test_bad_answers_are_told(host, ask, path, error, kind, words):
    with pytest.raises(error, match=words) as found:
        await ask(host.url(path))
    assert type(found.value) is error
    assert found.value.to_json()["kind"] == kind


async def test_slow_and_large_answers_are_cut_off(host, ask):
    with pytest.raises(SlowError, match=r"0\.3 s"):
        await ask(host.url("slow"), timeout_s=0.3)
    assert len(await ask(host.url("large"))) == 600_001
    with pytest.raises(AnswerError, match="1 MiB"):
        await ask(host.url("large"), max_bytes=1 << 20)


async def test_nobody_there(ask):
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        netloc = f"127.0.0.1:{one.getsockname()[1]}"
    with pytest.raises(UnreachableError):
        await ask(f"http://{netloc}/", hosts=(netloc,))


async def test_circles_of_redirections_end(host, ask):
    with pytest.raises(AnswerError, match="redirects"):
        await ask(host.url("redirect?to=" + quote(host.url("circle"))))


async def test_who_gives_up_ends_the_request(host):
    client = Client(Hosts([host.netloc]), nobody)
    task = asyncio.create_task(client.ask(host.url("slow")))
    while not host.asked:
        await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for _ in range(100):
        if host.cancelled:
            break
        await asyncio.sleep(0.05)
    assert host.cancelled == 1
    await client.close()


async def test_other_methods_are_refused(host):
    client = Client(Hosts([host.netloc]), nobody)
    with pytest.raises(RequestError):
        await client.ask(host.url("a"), method="DELETE")
    await client.close()


def test_errors_say_what_to_do():
    error = PanelError("No.", remedy="Do.", a=1)
    assert str(error) == "No. Do."
    assert error.to_json() == {"kind": "failed", "message": "No.", "remedy": "Do.",
                               "values": {"a": 1}}  # fmt: skip
