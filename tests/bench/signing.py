"""Signing: addresses a second against boto3, and over HTTP.

One process signs the same keys with the service's own presigner and with boto3's
``generate_presigned_url``, in turns and on one core. Then a real access service, with its store and
its catalogue, is asked for batches of 64: by one client for the latency, by eight for the
throughput. The bearer token is verified and the policy read at each request, as always.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import os
import platform
import statistics
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
import httpx
from botocore.config import Config

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.access_stack import AccessStack

from boresight_hub.access.sessions import Session
from boresight_hub.access.signing.hrefs import HrefChecker
from boresight_hub.access.signing.presign import Presigner

#: Factor over boto3 below which the run fails.
BOUND = 20.0
BATCH, CLIENTS = 64, 8
_S3 = "http://127.0.0.1:8001"


def session() -> Session:
    now = datetime.now(UTC)
    return Session(
        subject="id-of-marie",
        username="marie",
        access_key="AKIAIOSFODNN7EXAMPLE",
        secret_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        created_at=now,
        expires_at=now + timedelta(hours=1),
    )


def keys_of(count: int) -> list[str]:
    """Keys as the catalogue has them; one in eight needs quoting."""
    names = ("image.tif", "été 1+2.tif")
    return [f"co3d-l1/scene-{n:06d}/{names[n % 8 == 0]}" for n in range(count)]


def per_core(rounds: int, count: int) -> dict[str, Any]:
    """Addresses a second of both, on one core."""
    if hasattr(os, "sched_setaffinity"):
        allowed = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(allowed)})
    whose, keys = session(), keys_of(count)
    client = boto3.client(
        "s3",
        endpoint_url=_S3,
        region_name="us-east-1",
        aws_access_key_id=whose.access_key,
        aws_secret_access_key=whose.secret_key,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )
    presigner = Presigner(_S3, "us-east-1")
    checker = HrefChecker([_S3], ["catalogue"])

    def with_boto3(some: list[str]) -> None:
        for key in some:
            params = {"Bucket": "catalogue", "Key": key}
            client.generate_presigned_url("get_object", Params=params, ExpiresIn=900)

    def with_ours(some: list[str]) -> None:
        # a request's worth at a time, as the service signs
        for start in range(0, len(some), BATCH):
            batch = presigner.batch(whose, "GET", at=datetime.now(UTC), ttl_s=900)
            for key in some[start : start + BATCH]:
                batch.url("catalogue", key)

    hrefs = [f"{_S3}/catalogue/{quote(key)}" for key in keys]

    def with_check(_: list[str]) -> None:
        for start in range(0, len(hrefs), BATCH):
            batch = presigner.batch(whose, "GET", at=datetime.now(UTC), ttl_s=900)
            for href in hrefs[start : start + BATCH]:
                batch.url(*checker.check(href))

    few = keys[: max(1, count // 20)]
    rates: dict[str, list[float]] = {"boto3": [], "ours": [], "ours_with_href_check": []}
    for _ in range(rounds + 1):
        for name, sign, some in (
            ("boto3", with_boto3, few),
            ("ours", with_ours, keys),
            ("ours_with_href_check", with_check, keys),
        ):
            begun = time.perf_counter()
            sign(some)
            rates[name].append(len(some) / (time.perf_counter() - begun))
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, allowed)
    # the first round warms caches up
    median = {name: statistics.median(seen[1:]) for name, seen in rates.items()}
    return {
        **{f"{name}_urls_per_s": round(rate) for name, rate in median.items()},
        "factor": round(median["ours"] / median["boto3"], 1),
        "factor_with_href_check": round(median["ours_with_href_check"] / median["boto3"], 1),
    }


def over_http(stack: AccessStack, requests: int) -> dict[str, Any]:
    """Batches of 64: latency seen by one client, throughput by eight."""
    assert stack.origin
    # not through the test's stand-in for the proxy, which would be what is measured
    url = f"{stack.settings.url_of('access')}/services/access/sign"
    body = {
        "hrefs": [
            f"{stack.settings.s3_url}/catalogue/{k}".replace(" ", "%20") for k in keys_of(BATCH)
        ]
    }
    headers = {"authorization": f"Bearer {stack.origin.token('marie', 'access')}"}

    def client(count: int) -> list[float]:
        times = []
        with httpx.Client(timeout=60, trust_env=False, headers=headers) as http:
            for _ in range(count):
                begun = time.perf_counter()
                answer = http.post(url, json=body)
                times.append(time.perf_counter() - begun)
                answer.raise_for_status()
                if len(answer.json()["hrefs"]) != BATCH:
                    raise RuntimeError("fewer addresses than hrefs")
        return times

    client(20)  # the session is made, caches are warm
    alone = sorted(client(requests))
    barrier = threading.Barrier(CLIENTS + 1)

    def one_of_many() -> list[float]:
        barrier.wait()
        return client(requests // CLIENTS)

    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        futures = [pool.submit(one_of_many) for _ in range(CLIENTS)]
        barrier.wait()
        begun = time.perf_counter()
        together = sorted(took_s for future in futures for took_s in future.result())
        took_s = time.perf_counter() - begun
    return {
        "batch": BATCH,
        "requests": requests,
        "one_client": _summary(alone),
        f"{CLIENTS}_clients": {
            **_summary(together),
            "requests_per_s": round(len(together) / took_s, 1),
            "urls_per_s": round(BATCH * len(together) / took_s),
        },
    }


def _summary(times_s: list[float]) -> dict[str, float]:
    last = len(times_s) - 1
    return {
        "p50_ms": round(1e3 * times_s[last // 2], 2),
        "p99_ms": round(1e3 * times_s[round(last * 0.99)], 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--urls", type=int, default=20_000)
    parser.add_argument("--requests", type=int, default=800)
    parser.add_argument("--record", type=Path, help="folder the record is kept in as well")
    arguments = parser.parse_args()
    record: dict[str, Any] = {
        "bench": "signing",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "boto3": version("boto3"),
        "bound": BOUND,
        "per_core": per_core(arguments.rounds, arguments.urls),
    }
    with tempfile.TemporaryDirectory() as folder:
        stack = AccessStack(
            Path(folder) / "state", signing={"rate": {"urls_per_s": 1e9, "burst": 1_000_000_000}}
        )
        try:
            stack.start()
            record["http"] = over_http(stack, arguments.requests)
        finally:
            stack.close()
    text = json.dumps(record, indent=2)
    sys.stdout.write(text + "\n")
    if arguments.record:
        (arguments.record / f"signing-{record['date'][:10]}.json").write_text(text + "\n")
    if record["per_core"]["factor"] < BOUND:
        sys.exit(f"signing is {record['per_core']['factor']} times as fast as boto3, not {BOUND:g}")


if __name__ == "__main__":
    main()
