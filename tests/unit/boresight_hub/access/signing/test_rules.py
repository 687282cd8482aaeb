"""What the local reader of a policy allows, beside what the store itself was seen to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from boresight_hub.access.policy import (
    DEFAULT_TEMPLATE,
    STS_TEMPLATE,
    CollectionAccess,
    PolicyTemplate,
    grants_of,
)
from boresight_hub.access.signing.rules import LocalPolicy, Op, local_policy
from boresight_hub.settings import S3Settings

COLLECTIONS = {
    "co3d-l1": CollectionAccess(frozenset({"co3d"}), frozenset({"co3d"})),
    "archive": CollectionAccess(frozenset({"co3d", "s2"}), frozenset({"s2"})),
    "inbox": CollectionAccess(frozenset(), frozenset({"co3d"})),
}


def rendered(username: str, *groups: str, template: Path = DEFAULT_TEMPLATE) -> LocalPolicy:
    grants = grants_of(
        username=username,
        subject=f"id-{username}",
        groups=groups,
        collections=COLLECTIONS,
        admin_group="admins",
    )
    return local_policy(PolicyTemplate.load(template).render(grants, S3Settings(), None))


CASES: list[tuple[str, tuple[str, ...], Op, str, bool]] = [
    ("marie", ("co3d",), "get", "home/marie/a", True),
    ("marie", ("co3d",), "put", "home/marie/a/b", True),
    ("marie", ("co3d",), "get", "home/paul/a", False),
    ("marie", ("co3d",), "get", "home/marie2/a", False),
    ("marie", ("co3d",), "get", "home/marie", False),
    ("marie", ("co3d",), "get", "catalogue/co3d-l1/x/a", True),
    ("marie", ("co3d",), "head", "catalogue/co3d-l1/x/a", True),
    ("marie", ("co3d",), "put", "catalogue/co3d-l1/x/a", True),
    ("marie", ("co3d",), "put", "products/co3d-l1/x/a", True),
    ("marie", ("co3d",), "get", "catalogue/co3d-l10/x/a", False),
    ("marie", ("co3d",), "get", "catalogue/archive/x", True),
    ("marie", ("co3d",), "put", "catalogue/archive/x", False),
    ("marie", ("co3d",), "get", "catalogue/inbox/x", False),
    ("marie", ("co3d",), "put", "catalogue/inbox/x", True),
    ("paul", ("s2",), "get", "catalogue/co3d-l1/x/a", False),
    ("paul", ("s2",), "put", "catalogue/archive/x", True),
    ("paul", (), "get", "catalogue/archive/x", False),
    ("paul", (), "get", "home/paul/x", True),
    ("lea", ("admins",), "put", "catalogue/anything/x", True),
    ("lea", ("admins",), "get", "home/paul/x", False),
    ("lea", ("admins",), "get", "secrets/x/y", False),
]


@pytest.mark.parametrize("template", [DEFAULT_TEMPLATE, STS_TEMPLATE], ids=["versitygw", "sts"])
@pytest.mark.parametrize(("username", "groups", "op", "name", "expected"), CASES)
def test_templates(
    username: str, groups: tuple[str, ...], op: Op, name: str, expected: bool, template: Path
) -> None:
    bucket, _, key = name.partition("/")
    assert rendered(username, *groups, template=template).allows(op, bucket, key) is expected


def policy(*statements: dict[str, object]) -> LocalPolicy:
    return LocalPolicy(json.dumps({"Version": "2012-10-17", "Statement": statements}))


def statement(effect: str, action: str, resource: str, **more: object) -> dict[str, object]:
    return {"Effect": effect, "Action": [action], "Resource": [resource], **more}


ALL = statement("Allow", "s3:*", "*")


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        pytest.param([ALL], True, id="everything"),
        pytest.param([], False, id="nothing"),
        pytest.param([statement("Allow", "S3:getobject", "*")], True, id="cases of actions"),
        pytest.param([statement("Allow", "s3:Get*", "arn:aws:s3:::b/k")], True, id="exact"),
        pytest.param([statement("Allow", "s3:Get*", "arn:aws:s3:::b/?")], True, id="one sign"),
        pytest.param([statement("Allow", "s3:Get*", "arn:aws:s3:::B/k")], False, id="case"),
        pytest.param([statement("Allow", "s3:Get*", "arn:aws:s3:::b")], False, id="bucket only"),
        pytest.param([statement("Allow", "s3:PutObject", "*")], False, id="another action"),
        pytest.param([statement("Allow", "s3:GetObject", "b/k")], False, id="no ARN"),
        pytest.param([ALL, statement("Deny", "s3:*", "arn:aws:s3:::b/*")], False, id="denied"),
        pytest.param([ALL, statement("Deny", "s3:*", "arn:aws:s3:::c/*")], True, id="elsewhere"),
        pytest.param([ALL, statement("Deny", "s3:Put*", "*")], True, id="other action denied"),
        pytest.param(
            [statement("Allow", "s3:*", "*", Condition={"IpAddress": {"aws:SourceIp": "::"}})],
            False,
            id="allowed under a condition",
        ),
        pytest.param(
            [ALL, statement("Deny", "s3:*", "*", Condition={"Bool": {"aws:x": "false"}})],
            False,
            id="denied under a condition",
        ),
        pytest.param(
            [statement("Allow", "s3:*", "arn:aws:s3:::b/${aws:username}*")],
            False,
            id="allowed with a variable",
        ),
        pytest.param(
            [ALL, statement("Deny", "s3:*", "arn:aws:s3:::b/${aws:username}")],
            False,
            id="denied with a variable",
        ),
    ],
)
def test_statements(statements: list[dict[str, object]], expected: bool) -> None:
    assert policy(*statements).allows("get", "b", "k") is expected


def test_which_buckets_are_touched() -> None:
    marie = rendered("marie", "co3d")
    assert marie.touches("get", "catalogue")
    assert marie.touches("put", "home")
    assert not marie.touches("get", "secrets")
    assert not rendered("paul").touches("get", "catalogue")
    assert policy(ALL).touches("get", "anything")
    assert rendered("lea", "admins").touches("get", "products")
