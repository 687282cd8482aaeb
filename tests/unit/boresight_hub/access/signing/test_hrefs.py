"""Which hrefs are taken, and what each other one is refused for."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boresight_hub.access.signing.hrefs import HrefChecker, Target
from boresight_hub.access.signing.problems import SigningError

S3 = "http://127.0.0.1:8001"
ALIAS = "https://data.example.org"
CHECKER = HrefChecker([S3, ALIAS], ["catalogue", "home"])

TAKEN = {
    "plain": (f"{S3}/catalogue/co3d-l1/x/image.tif", ("catalogue", "co3d-l1/x/image.tif")),
    "alias": (f"{ALIAS}/home/marie/a", ("home", "marie/a")),
    "quoted": (f"{S3}/home/marie/a%20b%C3%A9%2B", ("home", "marie/a bé+")),
    "Unicode as it is": (f"{S3}/home/marie/né漢", ("home", "marie/né漢")),
    "plus is a plus": (f"{S3}/home/marie/a+b", ("home", "marie/a+b")),
    "dots in a name": (f"{S3}/home/marie/a..b/...c", ("home", "marie/a..b/...c")),
    "signed before": (
        f"{S3}/home/marie/a?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%2F20261121"
        "&X-Amz-Date=20261121T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=0f",
        ("home", "marie/a"),
    ),
}


@pytest.mark.parametrize(("href", "target"), TAKEN.values(), ids=TAKEN)
def test_taken(href: str, target: tuple[str, str]) -> None:
    assert CHECKER.check(href) == Target(*target)


# each differs in one thing from an href that is taken
REFUSED = {
    "foreign host": ("http://evil.example/catalogue/a", "host"),
    "user@host": ("http://127.0.0.1:8001@evil.example/catalogue/a", "host"),
    "user at ours": ("http://marie@127.0.0.1:8001/catalogue/a", "host"),
    "password at ours": ("http://a:b@127.0.0.1:8001/catalogue/a", "host"),
    "other port": ("http://127.0.0.1:8002/catalogue/a", "host"),
    "no port": ("http://127.0.0.1/catalogue/a", "host"),
    "port with a zero": ("http://127.0.0.1:08001/catalogue/a", "host"),
    "port and port": ("http://127.0.0.1:8001:80/catalogue/a", "host"),
    "default port written out": ("https://data.example.org:443/catalogue/a", "host"),
    "host below ours": ("https://data.example.org.evil.example/catalogue/a", "host"),
    "host above ours": ("https://evil.data.example.org/catalogue/a", "host"),
    "dot at the end of the host": ("https://data.example.org./catalogue/a", "host"),
    "host in capitals": ("https://DATA.example.org/catalogue/a", "host"),
    "other scheme": ("https://127.0.0.1:8001/catalogue/a", "host"),
    "scheme in capitals": ("HTTP://127.0.0.1:8001/catalogue/a", "host"),
    "s3 scheme": ("s3://catalogue/a", "host"),
    "file": ("file:///etc/passwd", "host"),
    "no scheme": ("//127.0.0.1:8001/catalogue/a", "host"),
    "path only": ("/catalogue/a", "host"),
    "other spelling of the address": ("http://2130706433:8001/catalogue/a", "host"),
    "IPv6 of the address": ("http://[::ffff:127.0.0.1]:8001/catalogue/a", "host"),
    "Unicode host": ("https://dаta.example.org/catalogue/a", "host"),  # noqa: RUF001 - the attack
    "full-width host": ("https://data。example.org/catalogue/a", "host"),
    "punycode host": ("https://xn--dta-5cd.example.org/catalogue/a", "host"),
    "quoted host": ("http://127.0.0.1%3A8001/catalogue/a", "host"),
    "quoted user": ("http://127.0.0.1:8001%40evil.example/catalogue/a", "host"),
    "backslash host": ("http://evil.example\\@127.0.0.1:8001/catalogue/a", "form"),
    "backslash path": (f"{S3}/catalogue\\..\\home/a", "form"),
    "query before the path": ("http://127.0.0.1:8001?/catalogue/a", "host"),
    "fragment before the path": ("http://127.0.0.1:8001#/catalogue/a", "host"),
    "other bucket": (f"{S3}/secrets/a", "bucket"),
    "bucket in another case": (f"{S3}/Catalogue/a", "bucket"),
    "bucket quoted": (f"{S3}/%63atalogue/a", "bucket"),
    "bucket in Unicode": (f"{S3}/cataloguе/a", "bucket"),  # noqa: RUF001 - the attack
    "empty bucket": (f"{S3}//catalogue/a", "bucket"),
    "two dots as bucket": (f"{S3}/../catalogue/a", "bucket"),
    "no bucket": (f"{S3}/", "bucket"),
    "no key": (f"{S3}/catalogue/", "path"),
    "no slash after the bucket": (f"{S3}/catalogue", "path"),
    "two dots": (f"{S3}/home/marie/../paul/a", "path"),
    "two dots out of the bucket": (f"{S3}/catalogue/../home/paul/a", "path"),
    "one dot": (f"{S3}/home/./marie/a", "path"),
    "quoted dots": (f"{S3}/home/marie/%2e%2e/paul/a", "path"),
    "half quoted dots": (f"{S3}/home/marie/.%2E/paul/a", "path"),
    "quoted twice": (f"{S3}/home/marie/%252e%252e/paul/a", "path"),
    "quoted three times": (f"{S3}/home/marie/%25252e%25252e/paul/a", "path"),
    "quoted slash": (f"{S3}/home/marie%2F..%2Fpaul/a", "path"),
    "quoted backslash": (f"{S3}/home/marie%5C..%5Cpaul/a", "path"),
    "empty part": (f"{S3}/home/marie//a", "path"),
    "folder": (f"{S3}/home/marie/", "path"),
    "lonely %": (f"{S3}/home/marie/100%", "path"),
    "% that quotes nothing": (f"{S3}/home/marie/%zz", "path"),
    "% in the key": (f"{S3}/home/marie/100%25", "path"),
    "not UTF-8": (f"{S3}/home/marie/%ff", "path"),
    "overlong dot": (f"{S3}/home/marie/%c0%ae%c0%ae/paul/a", "path"),
    "surrogate": (f"{S3}/home/marie/%ed%a0%80", "path"),
    "line break in the name": (f"{S3}/home/marie/a%0d%0aSet-Cookie:%20x=1", "path"),
    "line break as it is": (f"{S3}/home/marie/a\r\nSet-Cookie: x=1", "form"),
    "NUL": (f"{S3}/home/marie/a%00.tif", "path"),
    "NUL as it is": (f"{S3}/home/marie/a\x00.tif", "form"),
    "tab inside the host": ("http://127.0.0.1\t:8001/catalogue/a", "form"),
    "space before": (f" {S3}/catalogue/a", "form"),
    "line separator": (f"{S3}/home/marie/a%E2%80%A8b", "path"),
    "sub-resource": (f"{S3}/home/marie/a?acl", "query"),
    "other version": (f"{S3}/home/marie/a?versionId=1", "query"),
    "header by query": (f"{S3}/home/marie/a?response-content-type=text/html", "query"),
    "header behind a signature": (
        f"{S3}/home/marie/a?X-Amz-Signature=0f&response-content-type=text/html",
        "query",
    ),
    "empty query": (f"{S3}/home/marie/a?", "query"),
    "fragment": (f"{S3}/home/marie/a#b", "query"),
    "href too long": (f"{S3}/home/marie/{'a' * 4096}", "length"),
    "key too long": (f"{S3}/home/marie/{'é' * 520}", "length"),
    "empty": ("", "host"),
}


@pytest.mark.parametrize(("href", "rule"), REFUSED.values(), ids=REFUSED)
def test_refused(href: str, rule: str) -> None:
    with pytest.raises(SigningError) as caught:
        CHECKER.check(href, 7)
    assert caught.value.kind == f"href-{rule}"
    assert caught.value.status == (403 if rule == "bucket" else 400)
    assert caught.value.index == 7
    # value, rule, remedy; and nothing that ends a line
    assert caught.value.message.startswith("The href '")
    assert caught.value.message.isprintable()
    assert caught.value.remedy


def test_a_signature_is_not_repeated() -> None:
    with pytest.raises(SigningError) as caught:
        CHECKER.check(f"{S3}/nowhere/a?X-Amz-Signature=5ec2e7")
    assert "5ec2e7" not in caught.value.message + (caught.value.value or "")


plain_parts = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp"), exclude_characters="/\\%"),
    min_size=1,
    max_size=20,
).filter(lambda part: part not in (".", ".."))


@given(st.lists(plain_parts, min_size=1, max_size=5).map("/".join))
def test_every_plain_key_comes_back(key: str) -> None:
    assert CHECKER.check(f"{S3}/home/{quote(key)}") == Target("home", key)


@given(st.text(max_size=60))
def test_whatever_is_taken_stays_in_its_bucket(rest: str) -> None:
    try:
        target = CHECKER.check(f"{S3}/home/marie/{rest}")
    except SigningError:
        return
    assert target.bucket == "home"
    assert target.key.startswith("marie/")
    assert not {"", ".", ".."} & set(target.key.split("/"))
