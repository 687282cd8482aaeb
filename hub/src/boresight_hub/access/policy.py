"""Who may do what: from a person's groups to the S3 policy of a session.

The policy is a template, a JSON file in the form of an IAM policy in which strings carry
variables:

============================== ==========================================================
``{{buckets.catalogue}}`` etc. name of the bucket (``catalogue``, ``products``, ``home``)
``{{claims.preferred_username}}`` the person's name; checked, see :func:`checked_username`
``{{claims.sub}}``             the person's stable identifier
``{{collections.read}}``       identifiers of collections the person may read …
``{{collections.write}}``      … and write
============================== ==========================================================

The last two hold many values: they stand in an element of a list, and the element is repeated for
each value. A statement that is left with an empty list grants nothing and is dropped whole; to drop
only an empty condition would widen it.

Every statement that allows something gets a condition on the time, so that the store itself ends
the session even when this service is dead.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypedDict, cast

from boresight_hub.errors import SettingsError
from boresight_hub.settings import S3Settings

#: Template that is used unless told otherwise.
DEFAULT_TEMPLATE = Path(__file__).with_name("template.json")

#: The same as a session policy: short, and without the listing of uploads, since a condition on
#: ``s3:prefix`` means nothing to it in AWS and is refused by others.
STS_TEMPLATE = Path(__file__).with_name("template_sts.json")

#: Longest policy an IAM user may have, in characters (IAM's own limit on the parameter).
MAX_POLICY_CHARS = 131_072

_VARIABLE = re.compile(r"\{\{\s*([\w.]+)\s*\}\}")
_ONE = ("buckets.catalogue", "buckets.products", "buckets.home", "claims.preferred_username")
_ONE_MORE = ("claims.sub",)
_MANY = ("collections.read", "collections.write")
# `*`, `?` and `${` mean something in a policy and `/` would leave the home, so none may stand in a
# name; lower case, since the hub writes names so and S3 keys tell the cases apart
_USERNAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,39}")
_COLLECTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_SUBJECT = re.compile(r"[\w.@|:+-]{1,255}", re.ASCII)

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]


class Statement(TypedDict, total=False):
    """One statement of an IAM policy, as far as templates use it."""

    Sid: str
    Effect: str
    Action: list[str]
    Resource: list[str]
    Condition: dict[str, dict[str, Json]]


@dataclass(frozen=True, slots=True)
class CollectionAccess:
    """Groups that may read and write one collection."""

    read_groups: frozenset[str]
    write_groups: frozenset[str]


@dataclass(frozen=True, slots=True)
class Grants:
    """What one person may do.

    Attributes
    ----------
    username, subject : str
        Checked: safe in a policy.
    read, write : tuple of str
        Identifiers of collections, sorted; ``("*",)`` for an admin.
    """

    username: str
    subject: str
    read: tuple[str, ...]
    write: tuple[str, ...]


def checked_username(name: str) -> str:
    """Return ``name`` if it can stand in a policy and in a key.

    Raises
    ------
    ValueError
        When it cannot.
    """
    if not _USERNAME.fullmatch(name):
        raise ValueError(
            f"the name {name[:60]!r} has to be 1 to 40 lower-case letters, digits or ._@+- and "
            "start with a letter or digit"
        )
    return name


def grants_of(
    *,
    username: str,
    subject: str,
    groups: Iterable[str],
    collections: Mapping[str, CollectionAccess],
    admin_group: str,
) -> Grants:
    """Work out what a person may do.

    Raises
    ------
    ValueError
        When the name or the subject cannot stand in a policy.
    """
    checked_username(username)
    if not _SUBJECT.fullmatch(subject):
        raise ValueError("the subject holds characters that have a meaning in a policy")
    mine = frozenset(groups)
    if admin_group and admin_group in mine:
        return Grants(username, subject, ("*",), ("*",))
    safe = sorted(name for name in collections if _COLLECTION.fullmatch(name))
    return Grants(
        username,
        subject,
        tuple(name for name in safe if mine & collections[name].read_groups),
        tuple(name for name in safe if mine & collections[name].write_groups),
    )


class PolicyTemplate:
    """A policy template that has been checked.

    Parameters
    ----------
    text : str
        JSON.
    source : str, optional
        Where it comes from, for messages.

    Raises
    ------
    SettingsError
        When it is no policy, or uses a variable that does not exist.
    """

    def __init__(self, text: str, *, source: str = "the policy template") -> None:
        self._source = source
        try:
            document = json.loads(text)
        except ValueError as exc:
            raise self._error(f"is not JSON ({exc})") from exc
        if not isinstance(document, dict) or document.get("Version") != "2012-10-17":
            raise self._error('has no "Version": "2012-10-17"')
        statements = document.get("Statement")
        if not isinstance(statements, list) or not statements:
            raise self._error("has no list of statements")
        for number, statement in enumerate(statements, 1):
            self._check_statement(statement, number)
        self._statements = cast(list[Statement], statements)

    @classmethod
    def load(cls, path: Path = DEFAULT_TEMPLATE) -> PolicyTemplate:
        """Read the template in ``path``."""
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as exc:
            raise SettingsError(
                f"The policy template {path} cannot be read: {exc}.", remedy="Put it back."
            ) from exc
        return cls(text, source=str(path))

    def render(self, grants: Grants, s3: S3Settings, expires_at: datetime | None) -> str:
        """Fill in the variables.

        Parameters
        ----------
        grants : Grants
        s3 : S3Settings
            For the names of the buckets.
        expires_at : datetime or None
            End of the session; None leaves the condition on the time out (to compare policies).

        Returns
        -------
        str
            Policy as compact JSON.
        """
        one = {
            "buckets.catalogue": s3.catalogue_bucket,
            "buckets.products": s3.products_bucket,
            "buckets.home": s3.home_bucket,
            "claims.preferred_username": grants.username,
            "claims.sub": grants.subject,
        }
        many = {"collections.read": grants.read, "collections.write": grants.write}
        rendered: list[Json] = []
        for statement in self._statements:
            filled = _fill(cast(Json, statement), one, many)
            if filled is None:
                continue
            filled = cast(dict[str, Json], filled)
            if expires_at is not None and filled["Effect"] == "Allow":
                condition = cast(dict[str, Json], filled.get("Condition", {}))
                end = {"aws:CurrentTime": expires_at.strftime("%Y-%m-%dT%H:%M:%SZ")}
                filled["Condition"] = {**condition, "DateLessThan": cast(Json, end)}
            rendered.append(filled)
        return json.dumps(
            {"Version": "2012-10-17", "Statement": rendered}, separators=(",", ":"), sort_keys=True
        )

    def _check_statement(self, statement: object, number: int) -> None:
        where = f"statement {number}"
        if not isinstance(statement, dict):
            raise self._error(f"{where} is no object")
        if statement.get("Effect") not in ("Allow", "Deny"):
            raise self._error(f'{where} has an "Effect" that is neither Allow nor Deny')
        for key in ("Action", "Resource"):
            values = statement.get(key)
            if not isinstance(values, list) or not all(isinstance(v, str) and v for v in values):
                raise self._error(f'{where}: "{key}" has to be a list of texts')
        condition = statement.get("Condition", {})
        if not isinstance(condition, dict):
            raise self._error(f'{where}: "Condition" is no object')
        if "DateLessThan" in condition:
            raise self._error(f"{where}: DateLessThan is added here, for the end of the session")
        unknown = set(statement) - {"Sid", "Effect", "Action", "Resource", "Condition"}
        if unknown:
            raise self._error(f"{where} has unknown keys: {', '.join(sorted(unknown))}")
        self._check_variables(statement, where, in_list=False)

    def _check_variables(self, value: object, where: str, *, in_list: bool) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                if _VARIABLE.search(key):
                    raise self._error(f"{where}: a variable in the key {key!r}")
                self._check_variables(inner, where, in_list=False)
        elif isinstance(value, list):
            for inner in value:
                self._check_variables(inner, where, in_list=True)
        elif isinstance(value, str):
            names = _VARIABLE.findall(value)
            for name in names:
                if name not in (*_ONE, *_ONE_MORE, *_MANY):
                    raise self._error(f"{where} uses the unknown variable {name!r}")
            lists = [name for name in names if name in _MANY]
            if lists and not in_list:
                raise self._error(f"{where}: {lists[0]!r} has many values and stands in no list")
            if len(lists) > 1:
                raise self._error(f"{where}: more than one variable with many values in {value!r}")
            if "{{" in _VARIABLE.sub("", value):
                raise self._error(f"{where}: braces that enclose no variable in {value!r}")

    def _error(self, what: str) -> SettingsError:
        return SettingsError(
            f"The policy template is refused: {self._source} {what}.",
            remedy="Mend it; the rules stand in the documentation of boresight_hub.access.policy.",
        )


def _fill(value: Json, one: Mapping[str, str], many: Mapping[str, tuple[str, ...]]) -> Json:
    """Fill in variables; None when a list is left empty, so that its statement has to go."""
    if isinstance(value, str):
        return _VARIABLE.sub(lambda match: one[match[1]], value)
    if isinstance(value, dict):
        filled = {key: _fill(inner, one, many) for key, inner in value.items()}
        return None if any(inner is None for inner in filled.values()) else filled
    if isinstance(value, list):
        elements: list[Json] = []
        for inner in value:
            name = next((n for n in many if isinstance(inner, str) and _uses(inner, n)), None)
            if name is None:
                elements.append(_fill(inner, one, many))
            else:
                elements.extend(_fill(inner, {**one, name: choice}, many) for choice in many[name])
        return elements or None
    return value


def _uses(text: str, name: str) -> bool:
    return name in _VARIABLE.findall(text)
