import { PanelApi, type PanelSettings, type Transport } from '../api';
import { translator } from '../i18n';
import { CatalogueModel } from './catalogue';
import { told } from './problems';

const ROOT = 'https://api.example/v1';
const t = translator('en');
const SETTINGS: PanelSettings = {
  apis: [
    { url: ROOT, title: 'One', added: false, has_token: false, code: null },
    { url: 'https://other.example', title: 'Other', added: false, has_token: false, code: null }
  ],
  may_add: true,
  signers: [],
  hosts_added: []
};
const landing = {
  conformsTo: ['item-search#filter'],
  links: [{ rel: 'search', href: `${ROOT}/search`, method: 'POST' }]
};
const feature = (id: string): object => ({ type: 'Feature', id, collection: 'c', geometry: null });

type Answers = (url: string, body: Record<string, unknown> | null) => [number, unknown];

function server(answers: Answers): { transport: Transport; asked: string[] } {
  const asked: string[] = [];
  const transport: Transport = async (path, init) => {
    if (path === 'settings') {
      return Response.json(SETTINGS);
    }
    const sent = init.body ? (JSON.parse(String(init.body)) as { url: string; body: never }) : null;
    const url = sent?.url ?? new URLSearchParams(path.split('?')[1]).get('url') ?? '';
    asked.push(url);
    const [status, content] = answers(url, sent?.body ?? null);
    await new Promise(resolve => setTimeout(resolve, 1));
    init.signal?.throwIfAborted();
    return typeof content === 'string'
      ? new Response(content, { status })
      : Response.json(content, { status });
  };
  return { transport, asked };
}

const usual: Answers = (url, body) => {
  if (url.endsWith('/search')) {
    const page = Number(body?.['token'] ?? 0);
    return [
      200,
      {
        features: [feature(`${page}-a`), feature(`${page}-b`), feature('0-a')],
        numberMatched: 5,
        links:
          page < 2
            ? [{ rel: 'next', href: url, method: 'POST', body: { token: page + 1 }, merge: true }]
            : []
      }
    ];
  }
  return [200, url.endsWith('/collections') ? { collections: [{ id: 'z' }, { id: 'c' }] } : landing];
};

async function opened(answers: Answers = usual, saved = {}): Promise<CatalogueModel> {
  const model = new CatalogueModel(new PanelApi(server(answers).transport));
  await model.start(saved);
  return model;
}

test('a search is paged to its end, and nothing comes twice', async () => {
  const model = await opened();
  expect(model.collections.map(one => one.id)).toEqual(['c', 'z']);
  await model.run();
  expect(model.results.map(one => one.item.id)).toEqual(['0-a', '0-b']);
  expect(model.matched).toBe(5);
  await model.more();
  await model.more();
  await model.more();
  expect(model.results.map(one => one.item.id)).toEqual(['0-a', '0-b', '1-a', '1-b', '2-a', '2-b']);
  expect(model.next).toBeNull();
});

test('the state of last time comes back with its results', async () => {
  const before = await opened();
  before.set({ collections: ['c'] });
  await before.run();
  before.open(before.results[1]!.item);
  const saved = JSON.parse(JSON.stringify(before.saved()));
  const after = await opened(usual, saved);
  expect(after.search.collections).toEqual(['c']);
  expect(after.results).toHaveLength(2);
  expect(after.opened?.id).toBe('0-b');
});

test('another API forgets what belongs to the one before', async () => {
  const model = await opened();
  model.set({ collections: ['c'] });
  await model.run();
  model.select('c/0-a');
  await model.openApi(SETTINGS.apis[1]!);
  expect([model.results.length, model.selection.size, model.search.collections.length]).toEqual([0, 0, 0]);
});

test('what is stopped leaves no problem and no results', async () => {
  const model = await opened();
  const running = model.run();
  model.stop();
  await running;
  expect([model.problem, model.results.length, model.searching]).toEqual([null, 0, null]);
});

test('the search that was begun last wins', async () => {
  const model = await opened();
  await Promise.all([model.run(), model.run()]);
  expect(model.results).toHaveLength(2);
});

test.each([
  ['html', { kind: 'html', values: { host: 'h' } }, 'h answers with a page for people'],
  ['slow', { kind: 'slow', values: { host: 'h', seconds: 30 } }, 'h has not answered within 30 s'],
  ['unauthorised', { kind: 'unauthorised', values: { host: 'h' } }, 'asks for a sign-in'],
  ['busy', { kind: 'busy', values: { host: 'h', status: 429, retry_after_s: 7 } }, 'again in 7 s'],
  ['unknown', { kind: 'x', message: 'Such.', remedy: 'So.', values: {} }, 'Such. So.']
])('an API that fails (%s) is told in words', async (_, body, words) => {
  const model = await opened(url => (url.endsWith('/search') ? [502, body] : usual(url, null)));
  await model.run();
  expect(told(model.problem, t)).toContain(words);
  expect([model.loading, model.searching]).toEqual([false, null]);
});

test('what is no STAC API is told', async () => {
  const model = await opened(() => [200, { hello: 'world' }]);
  expect(told(model.problem, t)).toContain('not as a STAC API does');
  expect(model.can).toBeNull();
});

test('an answer of the Jupyter server that is no JSON is told', async () => {
  const model = await opened(() => [500, '<h1>oops</h1>']);
  expect(told(model.problem, t)).toContain('500');
});

test('an API without queryables is searched all the same', async () => {
  const model = await opened((url, body) =>
    url.includes('queryables') ? [502, { kind: 'status', values: {} }] : usual(url, body)
  );
  model.set({ collections: ['c'] });
  await new Promise(resolve => setTimeout(resolve, 10));
  expect(model.queryables).toEqual([]);
  expect(model.problem).toBeNull();
  await model.run();
  expect(model.results).toHaveLength(2);
});

test('selection: only one, or more', async () => {
  const model = await opened();
  await model.run();
  model.select('c/0-a');
  model.select('c/0-b', 'toggle');
  expect(model.chosen.map(item => item.id)).toEqual(['0-a', '0-b']);
  model.select('c/0-a', 'toggle');
  expect(model.chosen.map(item => item.id)).toEqual(['0-b']);
});

test('a search that begins before the collections have come does not end their loading', async () => {
  let release = (): void => undefined;
  const held = new Promise<void>(resolve => (release = resolve));
  const { transport } = server(usual);
  const slow: Transport = async (path, init) => {
    if (path.includes('collections')) {
      await held;
    }
    return transport(path, init);
  };
  const model = new CatalogueModel(new PanelApi(slow));
  const started = model.start(null);
  while (!model.can) {
    await new Promise(resolve => setTimeout(resolve, 1));
  }
  await model.run();
  expect([model.results.length, model.loading, model.collected]).toEqual([2, true, false]);
  release();
  await started;
  expect([model.results.length, model.loading, model.collections.length]).toEqual([2, false, 2]);
});

test.each(['settings', '', '/collections'])('what fails at the beginning (%s) is asked for again', async what => {
  let broken = true;
  const { transport } = server(usual);
  const failing: Transport = (path, init) => {
    const url = new URLSearchParams(path.split('?')[1]).get('url');
    const wanted = what === 'settings' ? path === what : url === `${ROOT}${what}`;
    return broken && wanted
      ? Promise.resolve(Response.json({ kind: 'slow', values: { host: 'h', seconds: 2 } }, { status: 504 }))
      : transport(path, init);
  };
  const model = new CatalogueModel(new PanelApi(failing));
  await model.start({ apiUrl: ROOT, searched: true });
  expect([model.problem === null, model.collected, model.collections.length]).toEqual([false, false, 0]);
  broken = false;
  await model.retry();
  expect([model.problem, model.collected, model.collections.length]).toEqual([null, true, 2]);
});
