"""Offline grants of the access service, and the device sign-in of the teledetection SDK."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest
from support.idp import Environment, ok, refused

from boresight_hub import oidc
from boresight_hub.embedded import people
from boresight_hub.errors import CredentialError

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
TYPE = "urn:ietf:params:oauth:token-type:"


async def access_token(idp: Environment, tokens: dict[str, Any]) -> str:
    return (await oidc.exchange(idp.settings, tokens["access_token"], "access")).access_token


async def test_grant_gives_tokens_for_the_access_service(idp: Environment) -> None:
    tokens = idp.sign_in("marie")
    grant = await oidc.offline_grant(idp.settings, await access_token(idp, tokens))
    assert grant.refresh_token
    verifier = oidc.TokenVerifier(idp.settings, "access")
    for _ in range(3):
        renewed = await oidc.refresh(idp.settings, grant.refresh_token, requester="access")
        claims = await verifier.verify(renewed.access_token)
        assert (claims.username, claims.client_id) == ("marie", "access")
        assert claims.groups == people.find(idp.settings, "marie").groups
        with pytest.raises(CredentialError, match="not for the audience"):
            await oidc.TokenVerifier(idp.settings, "s3").verify(renewed.access_token)


async def test_revoked_grant_is_over(idp: Environment) -> None:
    token = await access_token(idp, idp.sign_in("marie"))
    grant = await oidc.offline_grant(idp.settings, token)
    assert grant.refresh_token
    await oidc.refresh(idp.settings, grant.refresh_token, requester="access")
    await oidc.revoke(idp.settings, grant.refresh_token)
    with pytest.raises(CredentialError):
        await oidc.refresh(idp.settings, grant.refresh_token, requester="access")
    await oidc.revoke(idp.settings, grant.refresh_token)  # no error


async def test_only_the_access_service_gets_one(idp: Environment) -> None:
    tokens = idp.sign_in("marie")
    token = await access_token(idp, tokens)
    form = {
        "grant_type": EXCHANGE,
        "subject_token": token,
        "subject_token_type": f"{TYPE}access_token",
        "requested_token_type": f"{TYPE}refresh_token",
        "audience": "access",
        "scope": "audience-access",
    }
    assert ok(idp.token(form, client="access"))["refresh_token"]
    wrong = ("invalid_request", "invalid_target", "invalid_grant", "access_denied", "invalid_scope")
    refused(idp.token(form | {"subject_token": tokens["access_token"]}, client="hub"), *wrong)
    refused(idp.token(form, client="hub"), *wrong)
    refused(idp.token(form | {"audience": "hub"}, client="access"), *wrong, "invalid_client")
    refused(idp.token(form | {"requested_token_type": f"{TYPE}saml2"}, client="access"), *wrong)
    # and its refresh token is nobody else's
    refresh = ok(idp.token(form, client="access"))["refresh_token"]
    refused(
        idp.token({"grant_type": "refresh_token", "refresh_token": refresh}, client="hub"),
        "invalid_grant",
    )


async def test_no_grant_after_the_sign_out(idp: Environment) -> None:
    with idp.browser() as browser:
        tokens = idp.sign_in("marie", browser)
        token = await access_token(idp, tokens)
        await oidc.offline_grant(idp.settings, token)
        browser.get(idp.endpoint("logout"), {"id_token_hint": tokens["id_token"]})
    with pytest.raises(CredentialError):
        await oidc.offline_grant(idp.settings, token)


async def test_embedded_grant_outlives_sign_out_and_restart(node_idp: Environment) -> None:
    with node_idp.browser() as browser:
        tokens = node_idp.sign_in("marie", browser)
        grant = await oidc.offline_grant(node_idp.settings, await access_token(node_idp, tokens))
        assert grant.refresh_token
        browser.get(node_idp.endpoint("logout"), {"id_token_hint": tokens["id_token"]})
    with pytest.raises(CredentialError):
        await oidc.refresh(node_idp.settings, tokens["refresh_token"])
    node_idp.stop()
    node_idp.start()
    renewed = await oidc.refresh(node_idp.settings, grant.refresh_token, requester="access")
    claims = await oidc.TokenVerifier(node_idp.settings, "access").verify(renewed.access_token)
    assert claims.username == "marie"
    # but not the person
    others = [p for p in people.load_people(node_idp.settings) if p.username != "marie"]
    people.save_people(node_idp.settings, others)
    with pytest.raises(CredentialError):
        await oidc.refresh(node_idp.settings, grant.refresh_token, requester="access")


def device_sign_in(idp: Environment, client: str, scope: str, username: str) -> dict[str, Any]:
    """Tokens of a device that asks as ``client``."""
    form = {"client_id": client, "scope": scope}
    started = ok(httpx.post(idp.endpoint("auth/device"), data=form, timeout=30, trust_env=False))
    idp.accept_device(started["verification_uri_complete"], username)
    time.sleep(started["interval"])
    grant = "urn:ietf:params:oauth:grant-type:device_code"
    return ok(
        idp.token({**form, "grant_type": grant, "device_code": started["device_code"]}, client=None)
    )


def test_device_sign_in_of_teledetection(idp: Environment) -> None:
    """Fields, scope and client id as version 1.13 has them."""
    tokens = device_sign_in(idp, "gdal", "openid offline_access", "lea")
    assert isinstance(tokens["refresh_expires_in"], int)
    assert isinstance(tokens["expires_in"], int)
    assert tokens["token_type"] == "Bearer"
    claims = idp.verify(tokens["access_token"], "access")
    assert (claims.username, claims.client_id) == ("lea", "gdal")
    again = ok(
        idp.token(
            {
                "grant_type": "refresh_token",
                "refresh_token": tokens["refresh_token"],
                "scope": "openid offline_access",
                "client_id": "gdal",
            },
            client=None,
        )
    )
    assert idp.verify(again["access_token"], "access").username == "lea"
    assert again["refresh_token"]
    assert "refresh_expires_in" in again
    userinfo = httpx.get(
        idp.endpoint("userinfo"),
        headers={"authorization": f"bearer {again['access_token']}"},
        timeout=30,
        trust_env=False,
    )
    assert ok(userinfo)["preferred_username"] == "lea"


async def test_grant_from_a_device_sign_in(idp: Environment) -> None:
    tokens = device_sign_in(idp, "gdal", "openid offline_access", "lea")
    if idp.kind == "keycloak":
        # it makes no refresh token by exchange for a session that is offline already
        with pytest.raises(CredentialError):
            await oidc.offline_grant(idp.settings, tokens["access_token"])
        tokens = device_sign_in(idp, "gdal", "openid", "lea")
    grant = await oidc.offline_grant(idp.settings, tokens["access_token"])
    assert grant.refresh_token
    renewed = await oidc.refresh(idp.settings, grant.refresh_token, requester="access")
    claims = await oidc.TokenVerifier(idp.settings, "access").verify(renewed.access_token)
    assert claims.username == "lea"
