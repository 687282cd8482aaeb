"""The signing API: presigned addresses of private objects, for clients that know only HTTP.

Three dialects stand on one core:

- native (:mod:`~boresight_hub.access.signing.native`), below ``/services/access``;
- ``teledetection`` (:mod:`~boresight_hub.access.signing.teledetection`), below ``…/tld/``;
- ``planetary-computer`` (:mod:`~boresight_hub.access.signing.planetary`), below ``…/pc/``.

What holds in all of them: an address is signed with the S3 session of the *person* who asks, never
with a key of the service, so the store judges each use by that person's own policy. The same
policy is read here first, so that what it does not allow is refused by name and without a request
to the store. Signing itself is arithmetic on this machine.

Words:

href
    Address of an object as the catalogue has it: no signature, nothing that needs a guess.
ttl
    Time a signed address works [s]; never longer than the session it is signed with.
API key
    Stands for its owner where nobody can sign in. It holds an offline grant of the owner at the
    identity provider and ends with it.
"""
