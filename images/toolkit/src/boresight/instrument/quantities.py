"""Numbers that know their unit and how well they are known.

Every uncertainty is a standard one (k = 1), names the effect it comes from and says how the errors
of different elements go together, after the forms of FIDUCEO (Mittaz, Merchant & Woolliams 2019,
Metrologia 56:032002): ``random`` (independent), ``structured`` (alike within a length) and
``systematic`` (the same for all).
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from boresight.errors import InputError, NotFiniteError, ParameterSetError

Correlation = Literal["random", "structured", "systematic"]


class Model(BaseModel):
    """Base of all parts of a parameter set: frozen, and unknown names are refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, allow_inf_nan=False
    )

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as exc:
            raise named(exc, type(self).__name__) from exc

    @classmethod
    def load(cls, values: object) -> Self:
        """Check and take plain data.

        Raises
        ------
        ParameterSetError, NotFiniteError
            What is wrong, and where.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as exc:
            raise named(exc, cls.__name__) from exc


def named(error: ValidationError, what: str) -> InputError:
    """Turn pydantic's report into the toolkit's error: the first own one, or a list."""
    for entry in error.errors():
        own = entry.get("ctx", {}).get("error")
        if isinstance(own, InputError):
            return own
    problems = "; ".join(
        f"{'.'.join(map(str, entry['loc'])) or what}: {entry['msg']}"
        + (
            f" (got {entry['input']!r})"
            if isinstance(entry["input"], (str, int, float, type(None)))
            else ""
        )
        for entry in error.errors()
    )
    return ParameterSetError(
        f"{what} is not valid: {problems}.", remedy="The schema is parameter-set.schema.json."
    )


def _to_array(value: object) -> NDArray[Any]:
    if isinstance(value, dict):
        raise ValueError(f"array {value.get('$array')!r} is named, but not loaded")
    array = np.array(value)  # a copy: nobody changes a parameter set from outside
    if array.dtype.kind not in "fui" or array.size == 0:
        raise ValueError(f"an array of {array.dtype} with {array.size} values is not numeric")
    if array.ndim == 0:
        _refuse_nan(array, "value")
        raise ValueError("one number is no array")
    array.setflags(write=False)
    return array


def _to_number(value: object) -> object:
    # numbers of NumPy are not all Python's, and would be taken for arrays
    return value.item() if isinstance(value, np.generic) else value


#: one number, of Python or of NumPy
Number = Annotated[float, BeforeValidator(_to_number)]


#: how an array stands in the JSON: by the name of a variable of the NetCDF file beside it
_REFERENCE_SCHEMA = {
    "type": "object",
    "title": "Array",
    "description": "A variable of the NetCDF file beside the JSON file.",
    "properties": {
        "$array": {"type": "string", "description": "Name of the variable."},
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 1}},
        "dtype": {"type": "string", "pattern": "^(float|u?int)(8|16|32|64)$"},
        "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
    },
    "required": ["$array", "shape", "dtype", "sha256"],
    "additionalProperties": False,
}

#: a numeric ndarray, read-only
Array = Annotated[
    NDArray[Any],
    BeforeValidator(_to_array),
    PlainSerializer(lambda array: array, return_type=Any),
    WithJsonSchema(_REFERENCE_SCHEMA),
]


def array_digest(array: NDArray[Any]) -> str:
    """SHA-256 of an array's type, shape and little-endian bytes, in hexadecimal."""
    little = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False)
    head = f"{array.dtype.name}{tuple(array.shape)}".encode()
    return hashlib.sha256(head + little.tobytes()).hexdigest()


class Uncertainty(Model):
    """One effect's standard uncertainty.

    Parameters
    ----------
    effect : str
        Where it comes from: ``noise``, ``lamp``, ``interpolation``…
    correlation : {"random", "structured", "systematic"}
        How errors of different elements go together.
    u : float or ndarray
        k = 1, in the unit of the quantity; one value, or one for each element.
    length : float, optional
        For ``structured``: over how many elements errors are alike.
    """

    effect: str = Field(min_length=1)
    correlation: Correlation
    u: Annotated[Number, Field(ge=0)] | Array
    length: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if isinstance(self.u, np.ndarray):
            _refuse_nan(self.u, f"uncertainty {self.effect!r}")
            if float(self.u.min()) < 0:
                raise ValueError(f"uncertainty {self.effect!r} is negative; the rule is 0 or more")
        if (self.correlation == "structured") != (self.length is not None):
            raise ValueError("a structured uncertainty, and no other, has a length")
        return self


class Quantity(Model):
    """A number or an array, its unit and its uncertainties.

    Parameters
    ----------
    value : float or ndarray
        Finite. Elements without a value are named in a bad-pixel map, not by NaN.
    unit : str
        UDUNITS spelling; ``DN`` for digital numbers.
    uncertainties : tuple of Uncertainty
        Independent effects; an empty tuple means unknown.
    """

    value: Number | Array
    unit: str
    uncertainties: tuple[Uncertainty, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if isinstance(self.value, np.ndarray):
            _refuse_nan(self.value, "value")
        for part in self.uncertainties:
            if isinstance(part.u, np.ndarray) and np.shape(part.u) != np.shape(self.value):
                raise ValueError(
                    f"uncertainty {part.effect!r} has shape {np.shape(part.u)}, its value "
                    f"{np.shape(self.value)}; the rule is one shape, or one number"
                )
        return self

    @property
    def u(self) -> float | NDArray[np.float64]:
        """Combined standard uncertainty (root of the sum of squares), NaN where none is known."""
        if not self.uncertainties:
            return float("nan")
        total = np.sqrt(sum(np.square(part.u) for part in self.uncertainties))
        return float(total) if np.ndim(total) == 0 else total

    def u_of(self, correlation: Correlation) -> float | NDArray[np.float64]:
        """Combined uncertainty of the effects of one correlation form, 0 without any."""
        parts = [part.u for part in self.uncertainties if part.correlation == correlation]
        return np.sqrt(sum(np.square(part) for part in parts)) if parts else 0.0

    @property
    def number(self) -> float:
        """The value where it is one number.

        Raises
        ------
        ParameterSetError
            When it is an array.
        """
        if isinstance(self.value, np.ndarray):
            raise ParameterSetError(
                f"the value has shape {self.value.shape}; the rule is one number.",
                remedy="Use grid.",
            )
        return self.value

    @property
    def grid(self) -> NDArray[Any]:
        """The value where it is an array.

        Raises
        ------
        ParameterSetError
            When it is one number.
        """
        if not isinstance(self.value, np.ndarray):
            raise ParameterSetError(
                f"the value is the number {self.value}; the rule is an array.", remedy="Use number."
            )
        return self.value


def _refuse_nan(array: NDArray[Any], name: str) -> None:
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise NotFiniteError(
            f"{name} has {int((~np.isfinite(array)).sum())} values that are NaN or infinite; the "
            "rule is none.",
            remedy="Name such elements in the bad-pixel map and give them the mean.",
        )
