"""A machine beside the test cluster's node, to which pods' packets are forwarded.

A pod's packets to addresses of its own node are not forwarded, so NetworkPolicies need not hold
them (the Kubernetes documentation says so too). What in a centre is another machine, the control
plane or a cloud's metadata service, must be one here: a network namespace of its own at the end of
a pair of virtual interfaces. Needs root, and ends with its parent.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

METADATA = "169.254.169.254"
API_SERVER = "10.98.7.2"
API_PORT = 6443

_OURS, _THEIRS = "neighbour0", "neighbour1"
#: address of the machine, and of the node beside it
_LINKS = ((METADATA, "169.254.169.253"), (API_SERVER, "10.98.7.1"))


@contextlib.contextmanager
def neighbour(api_server: tuple[str, int]) -> Iterator[None]:
    """Answer at the metadata address, and pass on to the API server as if it were there.

    Parameters
    ----------
    api_server : (str, int)
        Where the API server listens on the node.
    """
    host, port = api_server
    command = [_program("unshare"), "--net", sys.executable, "-u", __file__, host, str(port)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        try:
            assert process.stdout.readline() == "here\n"
            _ip(f"link add {_OURS} type veth peer name {_THEIRS}")
            try:
                _ip(f"link set {_THEIRS} netns {process.pid}")
                for _, node in _LINKS:
                    _ip(f"address add {node}/30 dev {_OURS}")
                _ip(f"link set {_OURS} up")
                process.stdin.write("connected\n")
                process.stdin.flush()
                assert process.stdout.readline() == "listening\n"
                yield
            finally:
                _ip(f"link delete {_OURS}")
        finally:
            process.kill()


def _program(name: str) -> str:
    path = shutil.which(name)
    assert path, f"{name} is not installed"
    return path


def _ip(words: str) -> None:
    subprocess.run([_program("ip"), *words.split()], check=True, timeout=10)


def _be_the_machine(host: str, port: int) -> None:
    """Run in the new namespace."""
    _say("here")
    sys.stdin.readline()
    _ip("link set lo up")
    for machine, _ in _LINKS:
        _ip(f"address add {machine}/30 dev {_THEIRS}")
    _ip(f"link set {_THEIRS} up")
    _ip(f"route add default via {_LINKS[1][1]}")
    metadata = socket.create_server((METADATA, 80))
    api = socket.create_server((API_SERVER, API_PORT))
    _say("listening")
    threading.Thread(target=_pass_on, args=(api, host, port), daemon=True).start()
    threading.Thread(target=_answer, args=(metadata,), daemon=True).start()
    sys.stdin.read()  # to the parent's end


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def _answer(listener: socket.socket) -> None:
    while True:
        with listener.accept()[0] as client, contextlib.suppress(OSError):
            client.settimeout(5)
            client.recv(65536)
            client.sendall(b"HTTP/1.0 200 OK\r\n\r\nmetadata")


def _pass_on(listener: socket.socket, host: str, port: int) -> None:
    while True:
        client = listener.accept()[0]
        server = socket.create_connection((host, port), timeout=10)
        for one, other in ((client, server), (server, client)):
            threading.Thread(target=_copy, args=(one, other), daemon=True).start()


def _copy(source: socket.socket, goal: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while content := source.recv(65536):
            goal.sendall(content)
        goal.shutdown(socket.SHUT_WR)


if __name__ == "__main__":
    _be_the_machine(sys.argv[1], int(sys.argv[2]))
