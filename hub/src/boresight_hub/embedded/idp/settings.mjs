// What the provider is told at its start: addresses and file names from the environment, secrets
// from files. Nothing secret stands in the environment or on the command line.
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

export class StartError extends Error {}

const NAMES = {
  publicUrl: 'string',
  issuer: 'string',
  host: 'string',
  port: 'number',
  tokenLifeS: 'number',
  hubClientId: 'string',
  accessClientId: 'string',
  cliClientId: 'string',
  teledetectionClientId: 'string',
  secretsDirectory: 'string',
  peopleFile: 'string',
  databaseFile: 'string',
  nodeDirectory: 'string',
};

export function readSettings(environment = process.env) {
  const text = environment.BORESIGHT_IDP;
  if (!text) {
    throw new StartError('BORESIGHT_IDP is not set. `boresight up` starts the identity provider.');
  }
  let given;
  try {
    given = JSON.parse(text);
  } catch {
    throw new StartError('BORESIGHT_IDP is not JSON. `boresight up` starts the identity provider.');
  }
  for (const [name, type] of Object.entries(NAMES)) {
    if (typeof given[name] !== type) {
      throw new StartError(`BORESIGHT_IDP: ${name} is missing or not a ${type}.`);
    }
  }
  return Object.freeze(given);
}

export function readSecret(settings, name) {
  const path = join(settings.secretsDirectory, name);
  const text = readPrivate(path, 'secret').trim();
  if (!text) throw new StartError(`The secret ${path} is empty. Remove it and start again.`);
  return text;
}

// A file that is its owner's alone: anything else is an accident somebody should hear of.
export function readPrivate(path, what) {
  let mode;
  let text;
  try {
    mode = statSync(path).mode & 0o777;
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new StartError(
      `The ${what} ${path} cannot be read (${error.code}). \`boresight up\` makes it.`,
    );
  }
  if (mode & 0o077) {
    const shown = mode.toString(8).padStart(4, '0');
    throw new StartError(
      `The ${what} ${path} has mode ${shown}; it is its owner's alone (0600). chmod 600 it.`,
    );
  }
  return text;
}

export function readKeys(settings) {
  const text = readSecret(settings, 'idp-jwks.json');
  let keys;
  try {
    ({ keys } = JSON.parse(text));
  } catch {
    keys = undefined;
  }
  const usable = Array.isArray(keys) && keys.length > 0
    && keys.every((key) => key.kty === 'RSA' && key.alg === 'RS256' && key.kid && key.d);
  if (!usable) {
    throw new StartError(
      'The secret idp-jwks.json holds no RS256 signing key. Remove it and start again: '
      + 'everybody will have to sign in again.',
    );
  }
  return { keys };
}
