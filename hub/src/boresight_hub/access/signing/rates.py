"""How much one person may have signed: a bucket that fills steadily and is emptied by requests."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping

from boresight_hub.access.signing.problems import SigningError
from boresight_hub.settings_access import RateClass

# whoever is forgotten here starts with a full bucket, so forgetting must take a flood
_MAX_PEOPLE = 10_000


class RateLimiter:
    """Counts addresses by person. Each process counts by itself.

    Parameters
    ----------
    default : RateClass
    classes : mapping of str to RateClass
        By group; of several the most generous counts.
    clock : callable
        Seconds that never go back.
    """

    def __init__(
        self,
        default: RateClass,
        classes: Mapping[str, RateClass],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._default = default
        self._classes = classes
        self._clock = clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def class_of(self, groups: Iterable[str]) -> RateClass:
        """Class of somebody in ``groups``."""
        mine = [self._classes[group] for group in groups if group in self._classes]
        return max((self._default, *mine), key=lambda one: one.urls_per_s)

    def take(self, who: str, groups: Iterable[str], count: int) -> None:
        """Let ``who`` have ``count`` addresses.

        Raises
        ------
        SigningError
            When there are too few left; nothing is taken then.
        """
        rate = self.class_of(groups)
        now = self._clock()
        level, at = self._levels.pop(who, (float(rate.burst), now))
        level = min(float(rate.burst), level + (now - at) * rate.urls_per_s)
        enough = count <= level
        self._levels[who] = (level - count if enough else level, now)
        if len(self._levels) > _MAX_PEOPLE:
            self._levels.popitem(last=False)
        if not enough:
            wait_s = max(1, math.ceil((min(count, rate.burst) - level) / rate.urls_per_s))
            raise SigningError(
                "rate",
                f"{count} more addresses are too many now: {rate.urls_per_s:g} a second are signed "
                f"for one person, and {rate.burst} at once.",
                status=429,
                remedy=f"Wait {wait_s} s; sign what you open, when you open it.",
                retry_after_s=wait_s,
            )
