"""Options, limits and keys."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boresight_hub.gateway import limits
from boresight_hub.gateway.keys import GatewayKeys
from boresight_hub.gateway.options import bounds, cluster_options
from boresight_hub.settings import GatewaySettings, HubSettings

SETTINGS = HubSettings(
    gateway=GatewaySettings(
        max_clusters_per_user=2,
        max_cores_per_user=8,
        max_memory_per_user_gib=10,
        max_cores_per_cluster=6,
        max_worker_cores=4,
        max_worker_memory_gib=16,
        default_worker_memory_gib=12,
    )
)


def configuration(options: dict[str, Any], platform: dict[str, Any] | None = None) -> Any:
    made = cluster_options(SETTINGS, lambda: platform or {})
    return made.get_configuration(made.parse_options(options), user=None)


def test_defaults_keep_the_limits() -> None:
    assert configuration({}) == {
        "worker_cores": 1,
        "worker_threads": 1,
        # a worker may be as large as a person's whole share, not larger
        "worker_memory": 10 * limits.GIB,
        "idle_timeout": 1800.0,
        "cluster_max_workers": 6,
    }


def test_workers_with_more_cores_are_fewer() -> None:
    assert configuration({"worker_cores": 4})["cluster_max_workers"] == 1
    assert configuration({"worker_cores": 2.0})["worker_cores"] == 2


def test_platform_values_win() -> None:
    made = configuration({"worker_cores": 2}, {"worker_cores": 1, "environment": {}})
    assert made["worker_cores"] == 1
    assert made["environment"] == {}


ANYTHING = st.one_of(
    st.none(), st.booleans(), st.text(), st.floats(), st.integers(), st.lists(st.none())
)


@given(ANYTHING)
def test_whatever_is_given_is_in_bounds_or_refused(value: Any) -> None:
    for bound in bounds(SETTINGS):
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        is_allowed = is_number and bound.minimum <= value <= bound.maximum
        if is_allowed and not (bound.whole and value != int(value)):
            assert bound.check(value) == value
        else:
            with pytest.raises(ValueError, match=f"{bound.name} = .* is not allowed"):
                bound.check(value)


@given(
    st.integers(0, 20),
    st.integers(1, 4),
    st.floats(0.25, 10),
    st.integers(0, 10),
    st.floats(0, 12),
)
def test_nobody_gets_more_than_their_share(
    wanted: int, cores: int, memory_gib: float, used_cores: int, used_gib: float
) -> None:
    part = SETTINGS.gateway
    used = limits.Usage(used_cores, used_gib)
    admission = limits.admit(wanted, cores, memory_gib, used, part)
    assert 0 <= admission.workers <= wanted
    assert bool(admission.reason) == (admission.workers < wanted)
    if admission.workers:
        assert used_cores + admission.workers * cores <= part.max_cores_per_user
        total_gib = used_gib + admission.workers * memory_gib
        assert total_gib <= part.max_memory_per_user_gib + 1e-6
    if admission.workers < wanted:  # and not less either
        more = admission.workers + 1
        assert (
            used_cores + more * cores > part.max_cores_per_user
            or used_gib + more * memory_gib > part.max_memory_per_user_gib
        )


def test_the_reason_names_what_is_short() -> None:
    part = SETTINGS.gateway
    cores = limits.admit(2, 4, 1.0, limits.Usage(6, 1.0), part).reason
    assert "2 of the workers wait: your workers use 6 cores, each further one needs 4" in cores
    memory = limits.admit(2, 1, 4.0, limits.Usage(1, 4.0), part).reason
    assert "use 4 GiB, each further one needs 4 GiB" in memory


def test_clusters_a_person() -> None:
    assert limits.refuse_cluster(1, SETTINGS.gateway) == ""
    assert "at most 2" in limits.refuse_cluster(2, SETTINGS.gateway)


def test_keys_are_found_again_and_differ() -> None:
    keys, again, other = GatewayKeys("a"), GatewayKeys("a"), GatewayKeys("b")
    assert keys.database() == again.database()
    assert len(base64.urlsafe_b64decode(keys.database())) == 32
    made = {
        keys.database(),
        keys.proxy_token(),
        keys.dashboard("x"),
        keys.dashboard("y"),
        other.dashboard("x"),
    }
    assert len(made) == 5
