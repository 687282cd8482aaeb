// The identity provider of an environment on one machine: a foreground process on loopback,
// mounted below /idp of the one HTTP origin.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { LoginForm, send } from './login.mjs';
import { messagePage } from './pages.mjs';
import { People } from './people.mjs';
import { makeProvider } from './provider.mjs';
import {
  readKeys, readSecret, readSettings, StartError,
} from './settings.mjs';
import { Store } from './store.mjs';
import { Throttle } from './throttle.mjs';
import { Tokens } from './tokens.mjs';

const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;

function log(level, message, more = {}) {
  const entry = { time: new Date().toISOString(), level, logger: 'idp', message, ...more };
  process.stderr.write(`${JSON.stringify(entry)}\n`);
}

// The packages live in the state directory, this file in the installed program.
async function load(settings, name) {
  const require = createRequire(join(settings.nodeDirectory, 'package.json'));
  try {
    return await import(pathToFileURL(require.resolve(name)).href);
  } catch (error) {
    throw new StartError(
      `The Node package ${name} cannot be loaded from ${settings.nodeDirectory} (${error.code}). `
      + 'Remove that folder and start again with a network.',
    );
  }
}

async function start() {
  process.umask(0o077);
  const settings = readSettings();
  const oidc = await load(settings, 'oidc-provider');
  const jose = await load(settings, 'jose');
  const { hubClientId, accessClientId, issuer, publicUrl } = settings;
  const secrets = new Map([
    [hubClientId, readSecret(settings, 'hub-client-secret')],
    [accessClientId, readSecret(settings, 'access-client-secret')],
  ]);
  const keys = readKeys(settings);
  const people = new People(settings.peopleFile);
  const store = new Store(settings.databaseFile);
  const tokens = new Tokens({
    settings,
    jose,
    errors: oidc.errors,
    people,
    keys,
    exchangeAudiences: {
      [hubClientId]: ['s3', 'stac', 'access', 'dask'],
      // for people's own programs, which have no secret to ask with
      [accessClientId]: ['hub', 's3', 'stac', 'dask'],
    },
    // grants behind API keys: they are good for the access service itself
    offlineAudiences: { [accessClientId]: ['access'] },
  });
  const provider = makeProvider({
    Provider: oidc.Provider ?? oidc.default,
    interactionPolicy: oidc.interactionPolicy,
    settings,
    keys,
    cookieKey: readSecret(settings, 'idp-cookie-key'),
    secrets,
    people,
    tokens,
    store,
  });
  provider.on('server_error', (_ctx, error) => {
    log('ERROR', 'request failed', { error: error.stack });
  });
  provider.on('grant.error', (ctx, error) => log('INFO', 'token refused', {
    client: ctx.oidc?.client?.clientId, error: error.error, detail: error.error_description,
  }));

  const form = new LoginForm({ provider, people, throttle: new Throttle(), publicUrl });
  const answer = provider.callback();
  const prefix = new URL(issuer).pathname;
  const { host, protocol } = new URL(publicUrl);

  async function handle(request, response) {
    // addresses in answers come from the settings, whatever the request claims
    request.headers['x-forwarded-host'] = host;
    request.headers['x-forwarded-proto'] = protocol.slice(0, -1);
    const path = request.url.split('?', 1)[0];
    if (path === '/idp/health') {
      store.ping();
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"status":"ok"}');
    } else if (path.startsWith(`${prefix}/login/`)) {
      await form.handle(request, response, path.slice(`${prefix}/login/`.length), path);
    } else if (path.startsWith(`${prefix}/`)) {
      request.originalUrl = request.url;
      request.url = request.url.slice(prefix.length);
      await answer(request, response);
    } else {
      send(response, 404, messagePage({
        title: 'Not found', message: 'There is no such page.', link: `${publicUrl}/`,
        linkText: 'Go to the start page',
      }));
    }
  }

  const server = createServer((request, response) => {
    handle(request, response).catch((error) => {
      log('ERROR', 'request failed', { error: error.stack });
      if (response.headersSent) {
        response.destroy();
        return;
      }
      send(response, 500, messagePage({
        title: 'This did not work',
        message: 'The identity provider has a problem; its log says which: boresight logs idp.',
      }));
    });
  });
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  server.requestTimeout = REQUEST_TIMEOUT_MS;

  const stop = () => {
    server.close();
    server.closeAllConnections();
    store.close();
    process.exit(0);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);

  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(settings.port, settings.host, resolve);
  });
  log('INFO', `ready at ${issuer}`);
}

start().catch((error) => {
  if (error.code === 'EADDRINUSE') {
    log('ERROR', `port ${error.port} is in use; start with another one: boresight up --port N.`);
  } else {
    log('ERROR', error instanceof StartError ? error.message : error.stack);
  }
  process.exit(1);
});
