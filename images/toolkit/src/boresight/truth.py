"""Found against injected: the table that ends a calibration on simulated data."""

from __future__ import annotations

import html
from dataclasses import dataclass, field

import numpy as np

from boresight.errors import InputError

#: error over stated uncertainty beyond which one of a few quantities is wrong (1 in 16 000)
MAX_PULL = 4.0

_HEAD = ("quantity", "unit", "injected", "found", "u (k = 1)", "error / u", "limit", "holds")


@dataclass(frozen=True)
class Check:
    """One quantity.

    Parameters
    ----------
    name, unit : str
        What.
    injected, found : float
        Truth and estimate.
    u : float
        Stated standard uncertainty; NaN where the method states none.
    limit : float, optional
        Largest error allowed.
    """

    name: str
    unit: str
    injected: float
    found: float
    u: float = float("nan")
    limit: float | None = None

    @property
    def error(self) -> float:
        """Found less injected."""
        return self.found - self.injected

    @property
    def pull(self) -> float:
        """Error over stated uncertainty; NaN without one."""
        return self.error / self.u if self.u > 0 else float("nan")

    @property
    def holds(self) -> bool:
        """Whether the error is within the limit, and within four stated uncertainties."""
        if not np.isfinite(self.error):
            return False
        small = self.limit is None or abs(self.error) <= self.limit
        return small and not abs(self.pull) > MAX_PULL


@dataclass
class TruthTable:
    """Quantities with their truth; a notebook shows it as a table.

    Examples
    --------
    >>> table = TruthTable()
    >>> table.add("mean dark", "DN", injected=64.0, found=64.1, u=0.05, limit=0.2)
    >>> table.holds
    True
    """

    checks: list[Check] = field(default_factory=list)

    def add(
        self,
        name: str,
        unit: str,
        *,
        injected: float,
        found: float,
        u: object = float("nan"),
        limit: float | None = None,
    ) -> None:
        """Add a quantity; ``u`` is its standard uncertainty, one number.

        Raises
        ------
        InputError
            Neither an uncertainty nor a limit: there would be nothing to hold.
        """
        uncertainty = float(np.asarray(u, dtype=np.float64))
        if limit is None and not uncertainty > 0:
            raise InputError(
                f"{name} has uncertainty {uncertainty} and no limit; the rule is one of them.",
                remedy="State what the error may be.",
            )
        self.checks.append(Check(name, unit, float(injected), float(found), uncertainty, limit))

    @property
    def failures(self) -> tuple[Check, ...]:
        """What does not hold."""
        return tuple(check for check in self.checks if not check.holds)

    @property
    def holds(self) -> bool:
        """Whether there is something, and all of it holds."""
        return bool(self.checks) and not self.failures

    def __str__(self) -> str:
        return "\n".join("  ".join(row) for row in [list(_HEAD), *map(_cells, self.checks)])

    def _repr_html_(self) -> str:
        def line(cells: list[str], tag: str) -> str:
            return "<tr>" + "".join(f"<{tag}>{html.escape(c)}</{tag}>" for c in cells) + "</tr>"

        body = "".join(line(_cells(check), "td") for check in self.checks)
        return f"<table><thead>{line(list(_HEAD), 'th')}</thead><tbody>{body}</tbody></table>"


def _cells(check: Check) -> list[str]:
    known = check.u > 0
    # as many digits as the uncertainty, or the limit, has a use for
    scale = check.u if known else check.limit
    return [
        check.name,
        check.unit,
        _rounded(check.injected, scale),
        _rounded(check.found, scale),
        f"{check.u:.2g}" if known else "",
        f"{check.pull:+.1f}" if known else "",
        "" if check.limit is None else f"{check.limit:.3g}",
        "yes" if check.holds else "NO",
    ]


def _rounded(value: float, scale: float | None) -> str:
    if not scale or not np.isfinite(value) or not scale > 0:
        return f"{value:.6g}"
    digits = int(np.clip(1 - np.floor(np.log10(scale)), 0, 12))
    if abs(value) < 1e-3 and value != 0:
        return f"{value:.4g}"
    return f"{value:.{digits}f}"
