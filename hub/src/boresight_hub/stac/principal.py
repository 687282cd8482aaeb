"""Who asks, and what of the catalogue exists for them.

A collection exists for somebody when one of their groups stands in its ``boresight:read_groups``.
What does not exist for somebody is absent from lists, counts and searches, and asking for it by
name gives the same answer as asking for what was never there. The access service, which renders
S3 policies, sees the metadata of every collection and no item.
"""

from __future__ import annotations

from dataclasses import dataclass

from boresight_hub.oidc import Claims
from boresight_hub.settings import HubSettings

READ_GROUPS = "boresight:read_groups"
WRITE_GROUPS = "boresight:write_groups"


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who asks.

    Attributes
    ----------
    name : str
        For logs; empty for anybody without a token.
    groups : frozenset of str
    is_admin : bool
        Member of the admin group: every collection and item, and the collections themselves.
    sees_all_collections : bool
        Reads the metadata of every collection, though not their items.
    """

    name: str = ""
    groups: frozenset[str] = frozenset()
    is_admin: bool = False
    sees_all_collections: bool = False

    @property
    def is_anonymous(self) -> bool:
        """Whether there was no token."""
        return not self.name

    @property
    def sees_groups(self) -> bool:
        """Whether the groups of a collection are shown: they are other people's business."""
        return self.is_admin or self.sees_all_collections

    def reads(self, read_groups: frozenset[str]) -> bool:
        """Whether the items of a collection with ``read_groups`` exist for this principal."""
        return self.is_admin or not self.groups.isdisjoint(read_groups)

    def reads_metadata(self, read_groups: frozenset[str]) -> bool:
        """Whether a collection with ``read_groups`` exists for this principal."""
        return self.sees_all_collections or self.reads(read_groups)

    def writes(self, write_groups: frozenset[str]) -> bool:
        """Whether this principal may write the items of a collection they can read."""
        return self.is_admin or not self.groups.isdisjoint(write_groups)


ANONYMOUS = Principal()


def principal_of(claims: Claims, settings: HubSettings) -> Principal:
    """Principal behind verified ``claims``."""
    if claims.is_service:
        return Principal(
            name=f"client {claims.client_id}",
            sees_all_collections=claims.client_id == settings.oidc.access_client_id,
        )
    groups = frozenset(claims.groups)
    return Principal(
        name=claims.username, groups=groups, is_admin=settings.oidc.admin_group in groups
    )
