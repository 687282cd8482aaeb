"""Which variables of a kernel take the memory. Nothing is computed or loaded to learn a size."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

#: How many elements of a list or dict are measured; beyond, the rest counts as these do.
_SAMPLE = 1000
_DEPTH = 4
# what IPython itself puts into the namespace
_INTERNAL = frozenset({"In", "Out", "exit", "quit", "get_ipython", "open"})


@dataclass(frozen=True)
class Variable:
    """A variable and the memory it holds.

    Attributes
    ----------
    name, kind : str
    size_bytes : int
        Two names of one object are each told with its size.
    shape : str
        Of arrays and tables; else empty.
    """

    name: str
    kind: str
    size_bytes: int
    shape: str


def biggest_variables(namespace: Mapping[str, object], *, count: int = 10) -> list[Variable]:
    """Biggest variables of a namespace, the biggest first.

    Parameters
    ----------
    namespace : mapping
        Such as ``globals()``.
    count : int
        How many.
    """
    found = []
    for name, value in list(namespace.items()):
        if name.startswith("_") or name in _INTERNAL or isinstance(value, type(sys)):
            continue
        found.append(Variable(name, type(value).__name__, _size_bytes(value), _shape(value)))
    return sorted(found, key=lambda v: (-v.size_bytes, v.name))[:count]


class VariablesTable:
    """:func:`biggest_variables` in the form in which Lab's memory meter asks a kernel for it.

    Parameters
    ----------
    namespace : mapping
    count : int
    """

    def __init__(self, namespace: Mapping[str, object], count: int = 8) -> None:
        self.variables = biggest_variables(namespace, count=count)

    def _repr_json_(self) -> dict[str, object]:
        return {"variables": [asdict(v) for v in self.variables]}


def _size_bytes(value: object, depth: int = _DEPTH) -> int:
    try:
        return _measured_bytes(value, depth)
    except Exception:  # noqa: BLE001 - objects of strangers raise what they like when looked at
        return sys.getsizeof(value, 0)


def _measured_bytes(value: Any, depth: int) -> int:
    if isinstance(value, type):
        return sys.getsizeof(value)
    if hasattr(value, "memory_usage") and hasattr(value, "index"):  # pandas
        used = value.memory_usage(index=True, deep=False)
        return int(used if isinstance(used, int) else used.sum())
    if hasattr(value, "data_vars"):  # xarray, of many arrays
        return sum(_array_bytes(array) for array in value.variables.values())
    if hasattr(value, "nbytes"):
        return _array_bytes(value)
    size = sys.getsizeof(value)
    if depth <= 0:
        return size
    if isinstance(value, dict):
        return size + _of_elements([*value.keys(), *value.values()], depth)
    if isinstance(value, list | tuple | set | frozenset):
        return size + _of_elements(value, depth)
    if hasattr(value, "__dict__"):
        return size + _of_elements(vars(value).values(), depth)
    return size


def _array_bytes(value: Any) -> int:
    """Bytes in memory: 0 of what is still to be computed or read."""
    if getattr(value, "chunks", None) is not None and not hasattr(value, "__array_interface__"):
        return 0
    if hasattr(value, "variable") and not getattr(value.variable, "_in_memory", True):
        return 0
    if getattr(value, "_in_memory", True) is False:
        return 0
    return int(value.nbytes)


def _of_elements(elements: Iterable[object], depth: int) -> int:
    listed = list(elements)
    sample = listed[:_SAMPLE]
    measured = sum(_size_bytes(element, depth - 1) for element in sample)
    return measured * len(listed) // len(sample) if sample else 0


def _shape(value: Any) -> str:
    try:
        sizes = getattr(value, "sizes", None)
        if isinstance(sizes, Mapping):
            return ", ".join(f"{name} {size}" for name, size in sizes.items())
        shape = getattr(value, "shape", None)
        return " x ".join(map(str, shape)) if isinstance(shape, tuple) else ""
    except Exception:  # noqa: BLE001 - as above
        return ""
