"""Brokers make sessions in an S3 server.

:class:`VersitygwBroker` makes them itself, as users of a store without an STS that could be used on
one machine; :class:`PassThroughBroker` has them made by the store's own STS. To clients there is no
difference.
"""

from __future__ import annotations

from boresight_hub.access.brokers.interface import Broker, WebIdentity
from boresight_hub.access.brokers.passthrough import PassThroughBroker
from boresight_hub.access.brokers.versitygw import USER_PATH, VersitygwBroker
from boresight_hub.settings import HubSettings

__all__ = [
    "USER_PATH",
    "Broker",
    "PassThroughBroker",
    "VersitygwBroker",
    "WebIdentity",
    "make_broker",
]


def make_broker(settings: HubSettings) -> Broker:
    """Broker the settings name, with its ledger in the state directory.

    Raises
    ------
    SettingsError
        When a secret is missing or the policy template is refused.
    """
    if settings.access.broker == "pass-through":
        return PassThroughBroker.from_settings(settings)
    return VersitygwBroker.from_settings(settings)
