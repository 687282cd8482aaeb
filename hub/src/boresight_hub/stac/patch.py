"""Patches: JSON merge patch (RFC 7396) and JSON patch (RFC 6902)."""

from __future__ import annotations

import copy
from typing import Any

from boresight_hub.stac.problems import ConflictError, RequestError

_MAX_OPERATIONS = 1_000


def apply(document: dict[str, Any], patch: object) -> object:
    """Changed copy of ``document``.

    Parameters
    ----------
    document : dict
    patch : dict or list
        A merge patch, or the operations of a JSON patch.

    Raises
    ------
    RequestError
        When it is no patch, or does not fit the document.
    ConflictError
        When a ``test`` of it fails.
    """
    document = copy.deepcopy(document)
    if isinstance(patch, dict):
        return _merged(document, patch)
    if isinstance(patch, list) and len(patch) <= _MAX_OPERATIONS:
        holder: dict[str, Any] = {"": document}
        for operation in patch:
            _operate(holder, operation)
        return holder[""]
    raise RequestError(
        "The patch is neither a JSON object (RFC 7396) nor a list of at most "
        f"{_MAX_OPERATIONS} operations (RFC 6902)."
    )


def _merged(target: object, patch: object) -> object:
    if not isinstance(patch, dict):
        return patch
    merged: dict[str, Any] = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merged(merged.get(key), value)
    return merged


def _operate(holder: dict[str, Any], operation: object) -> None:
    if not isinstance(operation, dict):
        raise RequestError("An operation of a JSON patch is an object with `op` and `path`.")
    op, path = operation.get("op"), operation.get("path")
    keys = _keys(path)
    if op in ("add", "replace", "test"):
        if "value" not in operation:
            raise RequestError(f"The operation {op!r} at {path!r} has no `value`.")
        value = copy.deepcopy(operation["value"])
        if op == "test":
            if _get(holder, keys) != value:
                raise ConflictError(f"The test at {path!r} failed: the value is another one.")
        elif op == "add":
            _add(holder, keys, value)
        else:
            _remove(holder, keys)
            _add(holder, keys, value)
    elif op == "remove":
        _remove(holder, keys)
    elif op in ("move", "copy"):
        source = _keys(operation.get("from"))
        value = copy.deepcopy(_get(holder, source))
        if op == "move":
            if keys[: len(source)] == source and keys != source:
                raise RequestError("A value cannot be moved into itself.")
            _remove(holder, source)
        _add(holder, keys, value)
    else:
        raise RequestError(
            f"{str(op)[:40]!r} is no operation; there are add, remove, replace, move, copy, test."
        )


def _keys(pointer: object) -> list[str]:
    if not isinstance(pointer, str) or (pointer and not pointer.startswith("/")):
        raise RequestError(f"{str(pointer)[:100]!r} is no JSON pointer such as /properties/gsd.")
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")]


def _parent(holder: Any, keys: list[str]) -> Any:
    target = holder
    for key in keys[:-1]:
        target = _child(target, key, keys)
    return target


def _get(holder: Any, keys: list[str]) -> Any:
    return _child(_parent(holder, keys), keys[-1], keys)


def _child(target: Any, key: str, keys: list[str]) -> Any:
    if isinstance(target, dict) and key in target:
        return target[key]
    if isinstance(target, list):
        return target[_index(target, key, keys)]
    raise _nowhere(keys)


def _add(holder: Any, keys: list[str], value: object) -> None:
    target = _parent(holder, keys)
    if isinstance(target, dict):
        target[keys[-1]] = value
    elif isinstance(target, list):
        at = len(target) if keys[-1] == "-" else _index(target, keys[-1], keys, past=1)
        target.insert(at, value)
    else:
        raise _nowhere(keys)


def _remove(holder: Any, keys: list[str]) -> None:
    _get(holder, keys)
    target = _parent(holder, keys)
    if isinstance(target, list):
        del target[_index(target, keys[-1], keys)]
    else:
        del target[keys[-1]]


def _index(target: list[Any], key: str, keys: list[str], past: int = 0) -> int:
    if key.isascii() and key.isdigit() and len(key) < 9 and int(key) < len(target) + past:
        return int(key)
    raise _nowhere(keys)


def _nowhere(keys: list[str]) -> RequestError:
    return RequestError(f"The document has nothing at {'/'.join(keys)[:200]!r}.")
