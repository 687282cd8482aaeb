"""Reads the policy of a session to say, without asking the store, what it would allow.

It is the text that :class:`~boresight_hub.access.policy.PolicyTemplate` renders for the session, so
there is one policy and not two. Where the store knows something that is not known here (the
address a request comes from, a policy variable) the answer is no: a statement that allows under
such a condition does not count, one that denies under it does.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Literal, TypedDict, cast

Op = Literal["get", "head", "put"]

#: What an operation needs. HEAD is a GET without the body, to S3 as well.
ACTION_OF: dict[Op, str] = {"get": "s3:GetObject", "head": "s3:GetObject", "put": "s3:PutObject"}

_ARN = "arn:aws:s3:::"
_WILD = re.compile(r"[*?]")


class _Statement(TypedDict, total=False):
    Effect: str
    Action: list[str]
    Resource: list[str]
    Condition: dict[str, object]


class LocalPolicy:
    """What one rendered policy says about objects.

    Parameters
    ----------
    text : str
        Policy without the end of the session in it.
    """

    def __init__(self, text: str) -> None:
        statements = cast(list[_Statement], json.loads(text)["Statement"])
        self._allowed = {action: _Resources() for action in set(ACTION_OF.values())}
        self._denied = {action: _Resources() for action in set(ACTION_OF.values())}
        for statement in statements:
            denies = statement["Effect"] == "Deny"
            if statement.get("Condition") and not denies:
                continue
            side = self._denied if denies else self._allowed
            for action, resources in side.items():
                if any(
                    _matches(pattern.lower(), action.lower()) for pattern in statement["Action"]
                ):
                    for resource in statement["Resource"]:
                        resources.add(resource, is_sure="${" not in resource, denies=denies)

    def allows(self, op: Op, bucket: str, key: str) -> bool:
        """Whether the session may do ``op`` with the object."""
        action, name = ACTION_OF[op], f"{bucket}/{key}"
        return self._allowed[action].holds(name) and not self._denied[action].holds(name)

    def touches(self, op: Op, bucket: str) -> bool:
        """Whether there may be an object in ``bucket`` for which ``op`` is allowed."""
        return self._allowed[ACTION_OF[op]].reaches(f"{bucket}/")


@lru_cache(maxsize=1024)
def local_policy(text: str) -> LocalPolicy:
    """:class:`LocalPolicy` of ``text``; people with equal rights ask again and again."""
    return LocalPolicy(text)


class _Resources:
    """A set of resource patterns, quick for the usual kind: a prefix of whole parts."""

    def __init__(self) -> None:
        self._prefixes: set[str] = set()
        self._patterns: list[re.Pattern[str]] = []
        self._heads: set[str] = set()

    def add(self, resource: str, *, is_sure: bool, denies: bool) -> None:
        if not is_sure:
            if not denies:
                return
            resource = re.sub(r"\$\{[^}]*\}", "*", resource)
        name = resource.removeprefix(_ARN)
        if name == resource and resource != "*":
            return
        self._heads.add(_WILD.split(name, maxsplit=1)[0])
        if name.endswith("/*") and not _WILD.search(name[:-1]):
            self._prefixes.add(name[:-1])
        else:
            self._patterns.append(_compiled(name))

    def holds(self, name: str) -> bool:
        end = name.find("/")
        while end != -1:
            if name[: end + 1] in self._prefixes:
                return True
            end = name.find("/", end + 1)
        return any(pattern.fullmatch(name) for pattern in self._patterns)

    def reaches(self, prefix: str) -> bool:
        return any(head.startswith(prefix) or prefix.startswith(head) for head in self._heads)


def _compiled(pattern: str) -> re.Pattern[str]:
    parts = (".*" if char == "*" else "." if char == "?" else re.escape(char) for char in pattern)
    return re.compile("".join(parts), re.DOTALL)


def _matches(pattern: str, action: str) -> bool:
    # actions are the one part of a policy in which cases are equal
    return _compiled(pattern.lower()).fullmatch(action.lower()) is not None
