// oidc-provider set up the way Boresight's clients expect it: paths as Keycloak has them, four
// audiences, no consent among our own clients, everything that matters kept in the store.
import {
  deviceCodePage, deviceConfirmPage, messagePage, PAGE_HEADERS, signOutPage,
} from './pages.mjs';
import { claimsOf } from './people.mjs';
import { EXCHANGE_GRANT, resourceOf } from './tokens.mjs';

const PROTOCOL = '/protocol/openid-connect';
const ROUTES = {
  authorization: `${PROTOCOL}/auth`,
  token: `${PROTOCOL}/token`,
  jwks: `${PROTOCOL}/certs`,
  userinfo: `${PROTOCOL}/userinfo`,
  end_session: `${PROTOCOL}/logout`,
  device_authorization: `${PROTOCOL}/auth/device`,
  code_verification: '/device',
  introspection: `${PROTOCOL}/token/introspect`,
  revocation: `${PROTOCOL}/revoke`,
};

const SIGN_IN_LIFE_S = 14 * 24 * 3600;
// an API key that is used is renewed long before
const OFFLINE_LIFE_S = 365 * 24 * 3600;
const CODE_LIFE_S = 60;
const DEVICE_CODE_LIFE_S = 600;
const DEVICE_INTERVAL_S = 2;
const INTERACTION_LIFE_S = 3600;
const ID_TOKEN_LIFE_S = 3600;
const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
const CLAIMS = ['sub', 'preferred_username', 'name', 'groups', 'sid'];
const SCOPES = ['openid', 'profile', 'offline_access'];

export function makeProvider({
  Provider, interactionPolicy, settings, keys, cookieKey, secrets, people, tokens, store,
}) {
  const {
    publicUrl, hubClientId, accessClientId, cliClientId, teledetectionClientId,
  } = settings;
  const lifeOfGrant = (_ctx, { clientId }) => (
    clientId === accessClientId ? OFFLINE_LIFE_S : SIGN_IN_LIFE_S
  );
  const port = new URL(publicUrl).port || '443';
  const prefix = new URL(settings.issuer).pathname;

  const provider = new Provider(settings.issuer, {
    adapter: (model) => (model === 'DeviceCode' ? withScope(store.adapter(model))
      : store.adapter(model)),
    jwks: keys,
    routes: ROUTES,
    scopes: SCOPES,
    claims: { openid: CLAIMS },
    conformIdTokenClaims: false,
    responseTypes: ['code'],
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'none'],
    clockTolerance: 0,
    clients: [
      {
        client_id: hubClientId,
        client_name: 'Boresight hub',
        client_secret: secrets.get(hubClientId),
        grant_types: ['authorization_code', 'refresh_token', EXCHANGE_GRANT],
        redirect_uris: [`${publicUrl}/hub/oauth_callback`],
        post_logout_redirect_uris: [
          publicUrl, `${publicUrl}/`, `${publicUrl}/hub/`, `${publicUrl}/hub/login`,
          `${publicUrl}/hub/logout`,
        ],
      },
      {
        client_id: accessClientId,
        client_name: 'Boresight access service',
        client_secret: secrets.get(accessClientId),
        grant_types: ['client_credentials', 'refresh_token', EXCHANGE_GRANT],
        redirect_uris: [],
        response_types: [],
      },
      deviceClient(cliClientId, 'The command `boresight`'),
      deviceClient(teledetectionClientId, 'The Python package teledetection'),
    ],
    pkce: { required: () => true },
    cookies: {
      keys: [cookieKey],
      // browsers keep cookies by host and forget the port: two environments must not mix theirs
      names: {
        session: `boresight_idp_${port}`,
        interaction: `boresight_idp_${port}_sign_in`,
        resume: `boresight_idp_${port}_resume`,
      },
      long: { path: '/idp/', httpOnly: true, sameSite: 'lax', signed: true },
      short: { path: '/idp/', httpOnly: true, sameSite: 'lax', signed: true },
    },
    interactions: {
      policy: policy(interactionPolicy, people),
      url: (_ctx, interaction) => `${prefix}/login/${interaction.uid}`,
    },
    findAccount: (_ctx, subject, token) => {
      const person = people.bySubject(subject);
      return person && {
        accountId: person.subject,
        claims: (use) => ({
          ...claimsOf(person),
          ...(use === 'id_token' && token?.grantId ? { sid: token.grantId } : {}),
        }),
      };
    },
    loadExistingGrant,
    issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    ttl: {
      AccessToken: settings.tokenLifeS,
      AuthorizationCode: CODE_LIFE_S,
      ClientCredentials: settings.tokenLifeS,
      DeviceCode: DEVICE_CODE_LIFE_S,
      Grant: lifeOfGrant,
      IdToken: ID_TOKEN_LIFE_S,
      Interaction: INTERACTION_LIFE_S,
      RefreshToken: lifeOfGrant,
      Session: SIGN_IN_LIFE_S,
    },
    formats: {
      customizers: { jwt: (_ctx, token, parts) => tokens.customize(provider, token, parts) },
    },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      dPoP: { enabled: false },
      introspection: { enabled: true },
      pushedAuthorizationRequests: { enabled: false },
      revocation: { enabled: true },
      userinfo: { enabled: true },
      deviceFlow: {
        enabled: true,
        userCodeInputSource: (ctx, _form, _out, error) => show(ctx, deviceCodePage({
          action: ctx.oidc.urlFor('code_verification'),
          xsrf: ctx.oidc.session.state.secret,
          code: ctx.state.userCode ?? error?.userCode,
          problem: error && deviceProblem(error),
        })),
        userCodeConfirmSource: (ctx, _form, client, _info, code) => show(ctx, deviceConfirmPage({
          action: ctx.oidc.urlFor('code_verification'),
          xsrf: ctx.oidc.session.state.secret,
          code,
          client: client.clientName,
        })),
        successSource: (ctx) => show(ctx, messagePage({
          title: 'Connected', message: 'Go back to the device or command; this page can be closed.',
        })),
      },
      resourceIndicators: {
        enabled: true,
        defaultResource: (ctx, client) => defaultResource(ctx, client, settings),
        useGrantedResource: () => true,
        getResourceServerInfo: (_ctx, resource) => tokens.resourceServer(resource),
      },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (ctx) => show(ctx, signOutPage({
          action: ctx.oidc.urlFor('end_session_confirm'),
          xsrf: ctx.oidc.session.state.secret,
        })),
        postLogoutSuccessSource: (ctx) => show(ctx, messagePage({
          title: 'Signed out',
          message: 'You are signed out of Boresight.',
          link: `${publicUrl}/`,
          linkText: 'Sign in again',
        })),
      },
    },
    renderError: (ctx, out) => show(ctx, messagePage({
      title: 'This did not work',
      message: `${out.error_description ?? out.error} (${out.error}).`,
      link: `${publicUrl}/`,
      linkText: 'Start again',
    })),
  });

  provider.registerGrantType(
    EXCHANGE_GRANT,
    (ctx) => tokens.exchange(ctx, provider),
    ['subject_token', 'subject_token_type', 'requested_token_type', 'audience', 'scope'],
  );
  // the one HTTP origin is told to it by server.mjs, never by the request
  provider.proxy = true;
  provider.use((ctx, next) => {
    switch (ctx.path) {
      case ROUTES.userinfo:
        return ctx.method === 'GET' || ctx.method === 'POST'
          ? tokens.userinfo(ctx, provider) : next();
      case ROUTES.introspection:
        return ctx.method === 'POST' ? tokens.introspect(ctx, provider, secrets) : next();
      case ROUTES.token:
        return next().then(() => tellRefreshLife(ctx));
      case ROUTES.device_authorization:
        return next().then(() => tellInterval(ctx));
      case ROUTES.end_session:
        return ctx.method === 'GET' ? signOut(ctx, next, { provider, publicUrl, port }) : next();
      case ROUTES.code_verification:
        // a link that carries the code fills in the form; it submits nothing by itself
        if (ctx.method === 'GET' && typeof ctx.query.user_code === 'string') {
          ctx.state.userCode = ctx.query.user_code;
          ctx.query = {};
        }
        return next();
      default:
        return next();
    }
  });
  return provider;
}

// A program without a browser: somebody signs it in from another window.
function deviceClient(id, name) {
  return {
    client_id: id,
    client_name: name,
    token_endpoint_auth_method: 'none',
    application_type: 'native',
    grant_types: [DEVICE_GRANT, 'refresh_token'],
    redirect_uris: [],
    response_types: [],
  };
}

// Keycloak tells how long a refresh token lives, and there are clients that count on it.
function tellRefreshLife(ctx) {
  const token = ctx.oidc?.entities.RefreshToken;
  if (ctx.status === 200 && ctx.body?.refresh_token && token) {
    // one that has just been made knows its life, one that was found its end
    const now = Math.floor(Date.now() / 1000);
    ctx.body.refresh_expires_in = token.exp ? Math.max(0, token.exp - now) : token.expiration;
  }
}

// RFC 8628 lets the provider leave it out, and again there are clients that count on it.
function tellInterval(ctx) {
  if (ctx.status === 200 && ctx.body?.device_code) ctx.body.interval ??= DEVICE_INTERVAL_S;
}

// RFC 8628 lets a device leave out the scope; without one the provider would sign somebody in only
// to refuse in the end.
function withScope(adapter) {
  return {
    ...adapter,
    upsert: (id, payload, expiresInS) => adapter.upsert(id, {
      ...payload, params: { ...payload.params, scope: payload.params?.scope || 'openid' },
    }, expiresInS),
  };
}

function show(ctx, html) {
  ctx.set(PAGE_HEADERS);
  ctx.body = html;
}

function policy({ base, Check }, people) {
  const prompts = base();
  // our own clients need no consent: whoever signs in has given it
  prompts.remove('consent');
  prompts.get('login').checks.add(new Check(
    'person_unknown',
    'the person is not known any more',
    (ctx) => {
      const { accountId } = ctx.oidc.session;
      return accountId && !people.bySubject(accountId) ? Check.REQUEST_PROMPT
        : Check.NO_NEED_TO_PROMPT;
    },
  ));
  return prompts;
}

// What a sign-in grants a client, made without asking.
async function loadExistingGrant(ctx) {
  const { provider, session, client } = ctx.oidc;
  const known = session.grantIdFor(client.clientId);
  if (known) {
    const grant = await provider.Grant.find(known);
    if (grant && grant.accountId === session.accountId) return grant;
  }
  const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
  grant.addOIDCScope(SCOPES.join(' '));
  for (const audience of ['hub', 'access']) {
    grant.addResourceScope(resourceOf(audience), SCOPES.join(' '));
  }
  await grant.save();
  return grant;
}

// A client's own tokens are for itself; those of devices are for the access service.
function defaultResource(ctx, client, { hubClientId, cliClientId, teledetectionClientId }) {
  if (ctx.oidc.params?.grant_type === 'client_credentials') {
    // the only thing the access service does in its own name is to read the catalogue
    return resourceOf(ctx.oidc.params.scope === 'audience-stac' ? 'stac' : 'none');
  }
  if (client.clientId === hubClientId) return resourceOf('hub');
  const isDevice = [cliClientId, teledetectionClientId].includes(client.clientId);
  return resourceOf(isDevice ? 'access' : 'none');
}

function deviceProblem(error) {
  switch (error.name) {
    case 'NotFoundError': return 'No device shows this code. See whether it is typed right.';
    case 'ExpiredError': return 'This code has expired. Start again on the device.';
    case 'AlreadyUsedError': return 'This code has been used. Start again on the device.';
    case 'AbortedError': return 'Refused. The device got no access.';
    case 'NoCodeError': return 'Type the code that the device shows.';
    default: return error.expose ? `${error.error_description ?? error.message}.`
      : 'Something went wrong. Try again.';
  }
}

// Sign-out asked for by a client (OpenID Connect RP-Initiated Logout). With a valid id token, or
// without any session, there is nothing to ask: it is done and the browser goes back at once.
async function signOut(ctx, next, { provider, publicUrl }) {
  const { id_token_hint: hint, post_logout_redirect_uri: target, state } = ctx.query;
  const session = await provider.Session.get(ctx);
  const claims = typeof hint === 'string' && await claimsOfHint(provider, hint);
  if (!claims && (hint !== undefined || session.accountId)) return next();
  ctx.set('cache-control', 'no-store');
  if (claims) await endSession(provider, ctx, session, claims);
  const client = claims ? claims.client : await knownClient(provider, ctx.query.client_id);
  if (typeof target === 'string' && client?.postLogoutRedirectUriAllowed(target)) {
    const url = new URL(target);
    if (typeof state === 'string') url.searchParams.set('state', state);
    ctx.status = 303;
    ctx.redirect(url.href);
    return undefined;
  }
  return show(ctx, messagePage({
    title: 'Signed out',
    message: 'You are signed out of Boresight.',
    link: `${publicUrl}/`,
    linkText: 'Sign in again',
  }));
}

async function knownClient(provider, clientId) {
  try {
    return typeof clientId === 'string' ? await provider.Client.find(clientId) : undefined;
  } catch {
    return undefined;
  }
}

async function claimsOfHint(provider, hint) {
  try {
    const [, payload] = hint.split('.');
    const { aud } = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    const client = await provider.Client.find(aud);
    await provider.IdToken.validate(hint, client);
    return { ...JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')), client };
  } catch {
    return undefined;
  }
}

async function endSession(provider, ctx, session, claims) {
  const grants = new Set(typeof claims.sid === 'string' ? [claims.sid] : []);
  // a browser in which somebody else has signed in meanwhile keeps that sign-in
  if (session.accountId === claims.sub) {
    for (const { grantId } of Object.values(session.authorizations ?? {})) {
      if (grantId) grants.add(grantId);
    }
    await session.destroy();
    ctx.cookies.set(provider.cookieName('session'), null, {
      path: '/idp/', httpOnly: true, sameSite: 'lax', signed: true,
    });
  }
  const holders = [
    provider.AccessToken, provider.RefreshToken, provider.AuthorizationCode, provider.DeviceCode,
  ];
  for (const grant of grants) {
    await Promise.all(holders.map((model) => model.revokeByGrantId(grant)));
    await provider.Grant.adapter.destroy(grant);
  }
}
