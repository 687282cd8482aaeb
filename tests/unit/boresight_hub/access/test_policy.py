"""Who may do what, read off the rendered policies by an evaluator of our own."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest

from boresight_hub.access.policy import (
    DEFAULT_TEMPLATE,
    CollectionAccess,
    Grants,
    PolicyTemplate,
    checked_username,
    grants_of,
)
from boresight_hub.errors import SettingsError
from boresight_hub.settings import S3Settings

END = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
BEFORE, AFTER = "2026-11-21T11:59:59Z", "2026-11-21T12:00:00Z"
COLLECTIONS = {
    "co3d-l1": CollectionAccess(frozenset({"co3d"}), frozenset({"co3d"})),
    "archive": CollectionAccess(frozenset({"co3d", "s2"}), frozenset({"s2"})),
    "inbox": CollectionAccess(frozenset(), frozenset({"co3d"})),
    "closed": CollectionAccess(frozenset(), frozenset()),
    # what a catalogue should never hold, and what must not widen a policy if it does
    "*": CollectionAccess(frozenset({"co3d"}), frozenset({"co3d"})),
    "co3d-l1/../closed": CollectionAccess(frozenset({"co3d"}), frozenset({"co3d"})),
    "${aws:username}": CollectionAccess(frozenset({"co3d"}), frozenset({"co3d"})),
}


def grants(username: str, *groups: str) -> Grants:
    return grants_of(
        username=username,
        subject=f"id-{username}",
        groups=groups,
        collections=COLLECTIONS,
        admin_group="admins",
    )


def policy(username: str, *groups: str) -> str:
    template = PolicyTemplate.load()
    return template.render(grants(username, *groups), S3Settings(), END)


def matches(pattern: str, value: str) -> bool:
    regex = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(regex, value) is not None


def allowed(document: str, action: str, target: str, *, now: str = BEFORE) -> bool:
    """Whether IAM allows it: ``target`` is bucket/key, for a listing bucket/prefix."""
    bucket, _, rest = target.partition("/")
    listing = action.startswith("s3:List") and action != "s3:ListMultipartUploadParts"
    arn = f"arn:aws:s3:::{bucket}" if listing else f"arn:aws:s3:::{target}"
    for statement in json.loads(document)["Statement"]:
        assert statement["Effect"] == "Allow"
        condition = dict(statement.get("Condition", {}))
        if now >= condition.pop("DateLessThan")["aws:CurrentTime"]:
            continue
        prefixes = condition.pop("StringLike", {"s3:prefix": ["*"]})["s3:prefix"]
        assert condition == {}
        if (
            action in statement["Action"]
            and any(matches(pattern, arn) for pattern in statement["Resource"])
            and (not listing or any(matches(pattern, rest) for pattern in prefixes))
        ):
            return True
    return False


GET, PUT, DELETE, LIST = "s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket"
TABLE = [
    # person, groups, action, target, allowed
    ("marie", ["co3d"], GET, "home/marie/a/b", True),
    ("marie", ["co3d"], PUT, "home/marie/a", True),
    ("marie", ["co3d"], DELETE, "home/marie/a", True),
    ("marie", ["co3d"], "s3:AbortMultipartUpload", "home/marie/a", True),
    ("marie", ["co3d"], LIST, "home/marie/", True),
    ("marie", ["co3d"], LIST, "home/marie/a/", True),
    ("marie", ["co3d"], LIST, "home/", False),
    ("marie", ["co3d"], LIST, "home/marie", False),
    ("marie", ["co3d"], GET, "home/mariella/a", False),
    ("marie", ["co3d"], LIST, "home/mariella/", False),
    ("marie", ["co3d"], GET, "home/paul/a", False),
    ("marie", ["co3d"], GET, "catalogue/co3d-l1/i/f", True),
    ("marie", ["co3d"], PUT, "catalogue/co3d-l1/i/f", True),
    ("marie", ["co3d"], GET, "products/co3d-l1/i/f", True),
    ("marie", ["co3d"], LIST, "products/co3d-l1/i/", True),
    ("marie", ["co3d"], GET, "products/co3d-l10/i/f", False),
    ("marie", ["co3d"], GET, "catalogue/archive/i/f", True),
    ("marie", ["co3d"], PUT, "catalogue/archive/i/f", False),
    ("marie", ["co3d"], DELETE, "products/archive/i/f", False),
    ("marie", ["co3d"], PUT, "catalogue/inbox/i/f", True),
    ("marie", ["co3d"], GET, "catalogue/inbox/i/f", False),
    ("marie", ["co3d"], GET, "catalogue/closed/i/f", False),
    ("marie", ["co3d"], LIST, "catalogue/", False),
    ("marie", ["co3d"], LIST, "catalogue/closed/", False),
    ("marie", ["co3d"], "s3:PutBucketPolicy", "catalogue", False),
    ("marie", ["co3d"], "s3:PutObjectAcl", "home/marie/a", False),
    ("marie", ["co3d"], GET, "elsewhere/marie/a", False),
    ("paul", ["s2"], PUT, "products/archive/i/f", True),
    ("paul", ["s2"], GET, "products/co3d-l1/i/f", False),
    ("nobody", [], PUT, "home/nobody/a", True),
    ("nobody", [], GET, "catalogue/archive/i/f", False),
    ("nobody", [], LIST, "catalogue/archive/", False),
    ("lea", ["admins"], PUT, "catalogue/closed/i/f", True),
    ("lea", ["admins"], LIST, "products/closed/", True),
    ("lea", ["admins"], GET, "home/marie/a", False),
    ("lea", ["admins"], "s3:DeleteBucket", "catalogue", False),
]


@pytest.mark.parametrize(("username", "groups", "action", "target", "expected"), TABLE)
def test_who_may_do_what(
    username: str, groups: list[str], action: str, target: str, expected: bool
) -> None:
    document = policy(username, *groups)
    assert allowed(document, action, target) is expected
    assert not allowed(document, action, target, now=AFTER)


def test_odd_collections_are_left_out() -> None:
    assert grants("marie", "co3d").read == ("archive", "co3d-l1")
    assert "${" not in policy("marie", "co3d")


def test_no_statement_without_its_condition() -> None:
    document = json.loads(policy("nobody"))
    sids = {statement["Sid"] for statement in document["Statement"]}
    assert sids == {"ReadOwnHomeAndCollections", "WriteOwnHomeAndCollections", "ListOwnHome"}


@pytest.mark.parametrize(
    "name",
    ["", "*", "a/b", "..", ".a", "Marie", "a b", "a" * 41, "${aws:username}", "é", "a\n", "?"],
)
def test_names_that_are_refused(name: str) -> None:
    assert checked_username("marie.d-1@x_y+z") == "marie.d-1@x_y+z"
    with pytest.raises(ValueError, match="lower-case"):
        checked_username(name)


def test_subject_that_is_refused() -> None:
    with pytest.raises(ValueError, match="subject"):
        grants_of(
            username="marie", subject="*", groups=(), collections={}, admin_group="boresight-admins"
        )


def changed(path: str, value: object) -> str:
    document = json.loads(DEFAULT_TEMPLATE.read_text())
    target = document
    *steps, last = path.split(".")
    for step in steps:
        target = target[int(step) if step.isdigit() else step]
    target[last] = value
    return json.dumps(document)


def test_templates_that_are_refused() -> None:
    PolicyTemplate(DEFAULT_TEMPLATE.read_text())
    for text, words in {
        "{": "not JSON",
        "[]": "Version",
        changed("Version", "2008-10-17"): "Version",
        changed("Statement", []): "no list of statements",
        changed("Statement.0.Effect", "Maybe"): "Effect",
        changed("Statement.0.Resource", "arn:aws:s3:::x"): "list of texts",
        changed("Statement.0.Principal", "*"): "unknown keys",
        changed("Statement.0.Resource", ["arn:aws:s3:::{{claims.groups}}/*"]): "unknown variable",
        changed("Statement.0.Resource", ["arn:aws:s3:::{{claims/*"]): "braces",
        changed("Statement.0.Sid", "{{collections.read}}"): "stands in no list",
        changed("Statement.2.Condition.DateLessThan", {}): "DateLessThan is added",
    }.items():
        with pytest.raises(SettingsError, match=words):
            PolicyTemplate(text)
