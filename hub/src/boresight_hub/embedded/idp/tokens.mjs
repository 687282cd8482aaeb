// Access tokens as others see them: judged, exchanged (RFC 8693), looked into (RFC 7662), and
// turned into claims (userinfo).
//
// The claim `sid` of an access token names the grant behind it. A sign-out destroys the grant, and
// with it the power of every token that came from that sign-in to be exchanged for another.
//
// An exchange for a refresh token makes a grant of its own, which no sign-out ends: it is offline
// access, for one client and one audience, until it is revoked, its time is over, or the person is
// gone.
import { timingSafeEqual, createHash } from 'node:crypto';

import { claimsOf } from './people.mjs';

export const EXCHANGE_GRANT = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:access_token';
const REFRESH_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:refresh_token';
const OFFLINE_SCOPE = 'profile offline_access';
const RESOURCE_PREFIX = 'urn:boresight:audience:';

export const resourceOf = (audience) => `${RESOURCE_PREFIX}${audience}`;

export class Tokens {
  #settings;

  #jose;

  #errors;

  #people;

  #keys;

  #audiences;

  #offlineAudiences;

  constructor({
    settings, jose, errors, people, keys, exchangeAudiences, offlineAudiences,
  }) {
    this.#settings = settings;
    this.#jose = jose;
    this.#errors = errors;
    this.#people = people;
    this.#audiences = exchangeAudiences;
    this.#offlineAudiences = offlineAudiences;
    this.#keys = jose.createLocalJWKSet({
      keys: keys.keys.map(({ kty, n, e, kid, alg, use }) => ({ kty, n, e, kid, alg, use })),
    });
  }

  resourceServer(resource) {
    const audience = resource.startsWith(RESOURCE_PREFIX)
      ? resource.slice(RESOURCE_PREFIX.length) : '';
    if (!['hub', 's3', 'stac', 'access', 'dask'].includes(audience)) {
      throw new this.#errors.InvalidTarget(`nothing here is called ${resource}`);
    }
    return {
      scope: 'openid profile',
      audience,
      accessTokenFormat: 'jwt',
      accessTokenTTL: this.#settings.tokenLifeS,
      jwt: { sign: { alg: 'RS256' } },
    };
  }

  // What a signed access token says beside the standard's claims. A grant begins with a sign-in, or
  // with the exchange that made it.
  async customize(provider, token, { payload }) {
    payload.azp = token.clientId;
    if (token.accountId) {
      const person = this.#people.bySubject(token.accountId);
      if (!person) throw new this.#errors.InvalidGrant('this person is not known any more');
      Object.assign(payload, claimsOf(person));
      if (token.grantId) {
        payload.sid = token.grantId;
        const grant = await provider.Grant.find(token.grantId);
        if (grant) payload.auth_time = grant.iat;
      }
    }
  }

  // The claims of an access token of ours whose sign-in still lives, or undefined.
  async verify(provider, token, audience) {
    let payload;
    try {
      ({ payload } = await this.#jose.jwtVerify(token, this.#keys, {
        algorithms: ['RS256'],
        typ: 'at+jwt',
        issuer: this.#settings.issuer,
        audience,
        requiredClaims: ['exp', 'iat', 'sub', 'client_id'],
      }));
    } catch {
      return undefined;
    }
    if (payload.sub === payload.client_id) return payload;
    const grant = typeof payload.sid === 'string' && await provider.Grant.find(payload.sid);
    if (!grant || grant.accountId !== payload.sub) return undefined;
    return this.#people.bySubject(payload.sub) && payload;
  }

  // Handler of the grant type token-exchange; the client has authenticated by now.
  async exchange(ctx, provider) {
    const { InvalidRequest, InvalidScope, InvalidTarget, InvalidGrant } = this.#errors;
    const { client, params } = ctx.oidc;
    if (params.subject_token_type !== ACCESS_TOKEN_TYPE) {
      throw new InvalidRequest(`subject_token_type must be ${ACCESS_TOKEN_TYPE}`);
    }
    const isOffline = params.requested_token_type === REFRESH_TOKEN_TYPE;
    if (![undefined, ACCESS_TOKEN_TYPE, REFRESH_TOKEN_TYPE].includes(params.requested_token_type)) {
      throw new InvalidRequest(
        `requested_token_type must be ${ACCESS_TOKEN_TYPE} or ${REFRESH_TOKEN_TYPE}`,
      );
    }
    const { audience } = params;
    const audiences = isOffline ? this.#offlineAudiences : this.#audiences;
    if (!audiences[client.clientId]?.includes(audience)) {
      throw new InvalidTarget(`${client.clientId} gets no tokens for this audience`);
    }
    if (params.scope && params.scope !== `audience-${audience}`) {
      throw new InvalidScope('the scope has to name the audience', params.scope);
    }
    const subject = await this.verify(provider, params.subject_token ?? '', client.clientId);
    if (!subject?.sid) {
      throw new InvalidGrant(
        'the subject token is no access token of a living sign-in for this client',
      );
    }
    const resource = resourceOf(audience);
    const grantId = isOffline
      ? await offlineGrant(provider, client, subject.sub, resource) : subject.sid;
    const token = new provider.AccessToken({
      accountId: subject.sub, client, grantId, gty: 'token-exchange',
    });
    token.resourceServer = new provider.ResourceServer(resource, this.resourceServer(resource));
    ctx.oidc.entity('AccessToken', token);
    ctx.body = {
      access_token: await token.save(),
      issued_token_type: isOffline ? REFRESH_TOKEN_TYPE : ACCESS_TOKEN_TYPE,
      token_type: 'Bearer',
      expires_in: token.expiration,
    };
    if (isOffline) {
      const refreshToken = new provider.RefreshToken({
        accountId: subject.sub,
        client,
        grantId,
        gty: 'token-exchange',
        resource,
        rotations: 0,
        scope: OFFLINE_SCOPE,
      });
      ctx.oidc.entity('RefreshToken', refreshToken);
      ctx.body.refresh_token = await refreshToken.save();
    }
  }

  // OpenID Connect's userinfo for our own signed tokens.
  async userinfo(ctx, provider) {
    ctx.set('cache-control', 'no-store');
    const [scheme, token] = (ctx.get('authorization') || '').split(' ');
    const claims = scheme.toLowerCase() === 'bearer' && token
      && await this.verify(provider, token);
    const person = claims && this.#people.bySubject(claims.sub);
    if (!person) {
      ctx.status = 401;
      ctx.set('www-authenticate', 'Bearer error="invalid_token"');
      ctx.body = {
        error: 'invalid_token',
        error_description: 'the access token is missing, not ours, expired, or its sign-in ended',
      };
      return;
    }
    ctx.body = claimsOf(person);
  }

  // RFC 7662 for our own signed tokens; `secrets` maps client to secret.
  async introspect(ctx, provider, secrets) {
    ctx.set('cache-control', 'no-store');
    const form = new URLSearchParams(await readBody(ctx.req));
    if (!authenticated(ctx, form, secrets)) {
      ctx.status = 401;
      ctx.set('www-authenticate', 'Basic realm="introspection"');
      ctx.body = { error: 'invalid_client', error_description: 'client authentication failed' };
      return;
    }
    const claims = await this.verify(provider, form.get('token') ?? '');
    ctx.body = claims ? { active: true, token_type: 'Bearer', ...claims } : { active: false };
  }
}

async function offlineGrant(provider, client, accountId, resource) {
  const grant = new provider.Grant({ clientId: client.clientId, accountId });
  grant.addOIDCScope(OFFLINE_SCOPE);
  grant.addResourceScope(resource, OFFLINE_SCOPE);
  return grant.save();
}

const MAX_BODY_BYTES = 65_536;

async function readBody(request) {
  const chunks = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  return length <= MAX_BODY_BYTES ? Buffer.concat(chunks).toString('utf8') : '';
}

function authenticated(ctx, form, secrets) {
  let id = form.get('client_id') ?? '';
  let secret = form.get('client_secret') ?? '';
  const [scheme, value] = (ctx.get('authorization') || '').split(' ');
  if (scheme.toLowerCase() === 'basic' && value) {
    const text = Buffer.from(value, 'base64').toString('utf8');
    try {
      [id, secret] = [text.slice(0, text.indexOf(':')), text.slice(text.indexOf(':') + 1)]
        .map(decodeURIComponent);
    } catch {
      return false;
    }
  }
  const digest = (one) => createHash('sha256').update(one).digest();
  const expected = secrets.get(id);
  return timingSafeEqual(digest(secret), digest(expected ?? '')) && expected !== undefined;
}
