"""The access service: S3 credentials for a person, made from the person's token.

It answers two protocols that every S3 client knows:

- AWS STS (``/services/access/sts``): AssumeRoleWithWebIdentity and GetCallerIdentity;
- container credentials (``/services/access/credentials``), as EKS Pod Identity has it: the client
  sends the content of a token file in the ``Authorization`` header and gets JSON. This is what
  user servers and workers use, see :mod:`boresight_hub.environment` for why.

Beside them it signs addresses of single objects, for clients that know only HTTP:
:mod:`boresight_hub.access.signing`.

Behind all stands a *broker* that makes *sessions*. Words:

session
    A key pair with a policy and an end, for one person. It may outlive the token it was made
    from, as with AWS; its own life is bounded by ``settings.access.session_life_s``.
broker
    What makes sessions in one kind of S3 server: :mod:`boresight_hub.access.brokers`.
grant
    What lets a program go on in a person's name without the person being signed in: behind an API
    key, which signs addresses, and behind a batch run, which gets credentials. Both are listed and
    revoked by their owner.
"""
