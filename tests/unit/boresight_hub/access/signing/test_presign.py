"""The presigner against botocore's own, for the same clock: the same address, to the letter."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import botocore.auth
import botocore.session
import pytest
from botocore.config import Config
from hypothesis import given, settings
from hypothesis import strategies as st

from boresight_hub.access.sessions import Session
from boresight_hub.access.signing.presign import Presigner

AT = datetime(2026, 11, 21, 23, 59, 58, 123456, tzinfo=UTC)
METHODS = {"GET": "get_object", "HEAD": "head_object", "PUT": "put_object"}
ENDPOINTS = ("http://127.0.0.1:8001", "https://s3.example.org", "https://s3.example.org:8443")
TOKENS = ("", "IQoJb3JpZ2luX2VjE+/=%&")


def session(token: str = "", access_key: str = "AKIAIOSFODNN7EXAMPLE") -> Session:
    return Session(
        subject="id-of-marie",
        username="marie",
        access_key=access_key,
        secret_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        created_at=AT,
        expires_at=AT + timedelta(hours=1),
        session_token=token,
    )


def botocore_client(endpoint: str, token: str):
    whose = session(token)
    return botocore.session.Session().create_client(
        "s3",
        endpoint_url=endpoint,
        region_name="eu-west-1",
        aws_access_key_id=whose.access_key,
        aws_secret_access_key=whose.secret_key,
        aws_session_token=token or None,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )


CLIENTS = {(url, token): botocore_client(url, token) for url in ENDPOINTS for token in TOKENS}


@pytest.fixture(autouse=True, scope="module")
def clock():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.auth, "get_current_datetime", lambda: AT.replace(tzinfo=None))
        yield


def theirs(endpoint: str, token: str, method: str, key: str, ttl_s: int) -> str:
    return CLIENTS[endpoint, token].generate_presigned_url(
        METHODS[method], Params={"Bucket": "catalogue", "Key": key}, ExpiresIn=ttl_s
    )


# S3 keys are any Unicode; what cannot be written as UTF-8 is no text
keys = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=80)
awkward = st.text("/.~-_ %+=&?#:@!$'()*,;\"<>[]{}|^`\\é漢\U0001f6f0\t\n\x7f", min_size=1)


@settings(max_examples=400, deadline=None)
@given(
    endpoint=st.sampled_from(ENDPOINTS),
    token=st.sampled_from(TOKENS),
    method=st.sampled_from(sorted(METHODS)),
    key=st.one_of(keys, awkward),
    ttl_s=st.integers(1, 604_800),
)
def test_same_as_botocore(endpoint: str, token: str, method: str, key: str, ttl_s: int) -> None:
    batch = Presigner(endpoint, "eu-west-1").batch(session(token), method, at=AT, ttl_s=ttl_s)
    assert batch.url("catalogue", key) == theirs(endpoint, token, method, key, ttl_s)


def test_methods_sign_differently() -> None:
    presigner = Presigner(ENDPOINTS[0], "us-east-1")
    urls = {
        presigner.batch(session(), method, at=AT, ttl_s=60).url("catalogue", "a/b")
        for method in METHODS
    }
    assert len(urls) == 3


def test_derived_keys_are_kept_a_session_and_a_day() -> None:
    presigner = Presigner(ENDPOINTS[0], "us-east-1", max_cached_keys=2)

    def key(name: str, at: datetime = AT) -> bytes:
        return presigner.batch(session(access_key=name), "GET", at=at, ttl_s=60).key

    first = key("A" * 20)
    assert key("A" * 20) is first  # kept
    tomorrow = key("A" * 20, AT + timedelta(days=1))
    assert tomorrow != first
    key("B" * 20)  # the third: the one unused for longest goes
    again = key("A" * 20)
    assert again == first
    assert again is not first


@pytest.mark.parametrize("ttl_s", [0, -1, 604_801])
def test_life_outside_what_s3_accepts(ttl_s: int) -> None:
    with pytest.raises(ValueError, match="is not from 1 to 604800"):
        Presigner(ENDPOINTS[0], "us-east-1").batch(session(), "GET", at=AT, ttl_s=ttl_s)


@pytest.mark.parametrize("url", ["127.0.0.1:8001", "ftp://h", "http://h/path", "http://"])
def test_no_server(url: str) -> None:
    with pytest.raises(ValueError, match="no address of a server"):
        Presigner(url, "us-east-1")
