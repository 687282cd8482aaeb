// The sign-in form: name and password, slowed down after repeated failures.
import { loginPage, messagePage, PAGE_HEADERS } from './pages.mjs';

const MAX_FORM_BYTES = 8192;
const MAX_NAME_CHARS = 64;

export class LoginForm {
  #provider;

  #people;

  #throttle;

  #publicUrl;

  constructor({ provider, people, throttle, publicUrl }) {
    this.#provider = provider;
    this.#people = people;
    this.#throttle = throttle;
    this.#publicUrl = publicUrl;
  }

  async handle(request, response, uid, action) {
    let interaction;
    try {
      interaction = await this.#provider.interactionDetails(request, response);
    } catch (error) {
      if (error.name !== 'SessionNotFound') throw error;
    }
    if (interaction?.uid !== uid) {
      send(response, 400, messagePage({
        title: 'This page is too old',
        message: 'The sign-in it belongs to has ended, or was begun in another browser.',
        link: `${this.#publicUrl}/`,
        linkText: 'Start again',
      }));
      return;
    }
    if (interaction.prompt.name !== 'login') {
      // every client is our own and needs no consent, so nothing else is ever asked
      await this.#provider.interactionFinished(request, response, {
        error: 'access_denied',
        error_description: `nothing here answers the prompt ${interaction.prompt.name}`,
      });
      return;
    }
    if (request.method === 'GET' || request.method === 'HEAD') {
      const hint = interaction.params.login_hint;
      send(response, 200, loginPage({ action, username: typeof hint === 'string' ? hint : '' }));
      return;
    }
    if (request.method !== 'POST') {
      response.writeHead(405, { allow: 'GET, HEAD, POST' }).end();
      return;
    }
    await this.#submitted(request, response, action);
  }

  async #submitted(request, response, action) {
    const form = await readForm(request);
    if (!form) {
      send(response, 413, loginPage({ action, problem: 'That was too long. Try again.' }));
      return;
    }
    const username = (form.get('username') ?? '').trim().toLowerCase().slice(0, MAX_NAME_CHARS);
    const waitS = this.#throttle.waitS(username);
    if (waitS > 0) {
      response.setHeader('retry-after', String(waitS));
      const problem = `Too many failed attempts. Wait ${waitS} s, then try again.`;
      send(response, 429, loginPage({ action, username, problem }));
      return;
    }
    const person = this.#people.check(username, form.get('password') ?? '');
    if (!person) {
      this.#throttle.failed(username);
      const problem = 'Username or password is wrong. The command “boresight users show” tells '
        + 'the passwords of the demo people.';
      send(response, 401, loginPage({ action, username, problem }));
      return;
    }
    this.#throttle.succeeded(username);
    await this.#provider.interactionFinished(
      request,
      response,
      { login: { accountId: person.subject, amr: ['pwd'] } },
      { mergeWithLastSubmission: false },
    );
  }
}

export function send(response, status, html) {
  response.writeHead(status, PAGE_HEADERS).end(html);
}

// The submitted form, or undefined when it is too long (it is read to its end all the same, or the
// browser would not see the answer).
async function readForm(request) {
  const chunks = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length <= MAX_FORM_BYTES) chunks.push(chunk);
  }
  if (length > MAX_FORM_BYTES) return undefined;
  return new URLSearchParams(Buffer.concat(chunks).toString('utf8'));
}
