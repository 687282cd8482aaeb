/** What went wrong, in words of the reader's language. */

import { ApiError, type ErrorBody } from '../api';
import type { Translate } from '../i18n';
import { Cql2SyntaxError } from './cql2';

/** Sentences by kind; values by the names that the server gives them. */
const SENTENCES: Readonly<Record<string, readonly [string, ...string[]]>> = {
  offline: ['The Jupyter server does not answer. See whether it still runs.'],
  session: ['The Jupyter server asks for a sign-in: load this page again.'],
  host: ['This server does not ask the host %1 unless it is allowed.', 'host'],
  'host-fixed': ['This server does not ask the host %1, and adding hosts is switched off.', 'host'],
  private: ['The host %1 has an address that is not public: an operator has to allow it.', 'host'],
  address: ['%1 is not a plain http:// or https:// address.', 'url'],
  https: ['%1 is not taken: hosts that are added have to speak https.', 'url'],
  unreachable: ['%1 does not answer. See whether the address is right and the service runs.', 'host'],
  slow: ['%1 has not answered within %2 s. Ask for less, or later.', 'host', 'seconds'],
  unauthorised: ['%1 asks for a sign-in (401). Sign in again, or install what provides its tokens.', 'host'],
  forbidden: ['%1 refuses this to you (403).', 'host'],
  html: ['%1 answers with a page for people, not with JSON. Is this the address of a STAC API?', 'host'],
  json: ['%1 does not answer with JSON. Is this the address of a STAC API?', 'host'],
  large: ['%1 answers with more than can be taken. Ask for fewer items a page.', 'host'],
  redirects: ['%1 redirects too often.', 'host'],
  'not-stac': ['%1 answers, but not as a STAC API does.', 'host'],
  rasterio: ['Pictures need rasterio on the server: pip install \'jupyterlab-stac[preview]\'.'],
  unreadable: ['This asset cannot be read. It may be gone, of another format, or not yours to read.'],
  'no-overviews': ['This image has %1 × %2 pixels and no overviews: open it in a notebook.', 'width', 'height'],
  store: ['The store answers %1. The asset may be gone, or not yours to read.', 'status'],
  unsigned: ['Nobody here signs addresses of this store.'],
  room: ['There is not enough room on the server for this file.'],
  downloads: ['%1 files are on their way already. Wait for one of them.', 'count'],
  folder: ['There is no folder %1.', 'folder'],
  short: ['The file did not come whole. Try again.']
};

/** Sentences, for the test of translations. */
export const PROBLEM_SENTENCES = [
  ...Object.values(SENTENCES).map(([sentence]) => sentence),
  '%1 is busy (%2). Wait, then search again.',
  '%1 is busy (%2). Search again in %3 s.',
  'The filter is no CQL2: expected %1 at character %2.',
  'Choose one collection: this API searches one at a time.'
];

/** A sentence for whatever was thrown. */
export function told(problem: unknown, t: Translate): string {
  if (problem instanceof Cql2SyntaxError) {
    return t(
      'The filter is no CQL2: expected %1 at character %2.',
      problem.expected,
      problem.position + 1
    );
  }
  if (problem instanceof RangeError) {
    return t('Choose one collection: this API searches one at a time.');
  }
  if (problem instanceof ApiError) {
    return toldBody(problem.body, t);
  }
  return problem instanceof Error ? problem.message : String(problem);
}

/** A sentence for an error as the server sends it. */
export function toldBody(body: ErrorBody, t: Translate): string {
  const value = (name: string): string => String(body.values[name] ?? '');
  if (body.kind === 'busy') {
    return body.values['retry_after_s']
      ? t('%1 is busy (%2). Search again in %3 s.', value('host'), value('status'), value('retry_after_s'))
      : t('%1 is busy (%2). Wait, then search again.', value('host'), value('status'));
  }
  const known = SENTENCES[body.kind];
  if (known) {
    const [sentence, ...names] = known;
    return t(sentence, ...names.map(value));
  }
  return `${body.message} ${body.remedy}`.trim();
}

export function isAborted(problem: unknown): boolean {
  return problem instanceof DOMException && problem.name === 'AbortError';
}
