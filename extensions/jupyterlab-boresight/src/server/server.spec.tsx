import React, { act } from 'react';

import { createRoot, type Root } from 'react-dom/client';

import { translator } from '../i18n';
import { Server } from '../testing/answers';
import { ServerApi, type Announcement, type Death, type Home, type Idle, type Memory } from './api';
import { gib } from './format';
import { ServerModel } from './model';
import { hoursToKeep, noticesOf } from './notices';
import { SeenNotices } from './seen';
import { biggestVariables } from './variables';
import { HomeDetails, HomeMeter, MemoryDetails, MemoryMeter } from './views';

(globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;

const GIB = 2 ** 30;
const HOSTILE = '<img src=x onerror="window.hit=1">';
const trans = translator('en');

function idle(changes: Partial<NonNullable<Idle['judgement']>> = {}): Idle {
  return {
    judgement: {
      state: 'quiet',
      ends_at: '2026-11-22T18:30:00Z',
      quota_left_s: 48 * 3600,
      keep_longest_s: 24 * 3600,
      announcements: [],
      ended_before: [],
      ...changes
    }
  };
}

function home(changes: Partial<Home> = {}): Home {
  return {
    quota_bytes: 10 * GIB,
    used_bytes: 4 * GIB,
    free_bytes: 6 * GIB,
    own_bytes: 4 * GIB,
    is_shared: false,
    is_full: false,
    is_nearly_full: false,
    is_rescue: false,
    biggest: [{ path: 'work/big.dat', size_bytes: 3 * GIB }],
    ...changes
  };
}

function death(changes: Partial<Death> = {}): Death {
  return {
    number: 1,
    name: 'dark.ipynb',
    at: '2026-11-22T18:30:00+00:00',
    cause: 'memory',
    signal: 'SIGKILL',
    memory_bytes: 1.9 * GIB,
    limit_bytes: 2 * GIB,
    code: '\nframes = np.ones((9, 9))\nmore',
    count: 5,
    ...changes
  };
}

function memory(changes: Partial<Memory> = {}): Memory {
  return {
    limit_bytes: 4 * GIB,
    used_bytes: GIB,
    own_bytes: GIB,
    source: 'cgroup',
    kernels: [{ kernel_id: 'k', name: 'dark.ipynb', memory_bytes: GIB / 2 }],
    deaths: [],
    ...changes
  };
}

const nothing = { idle: null, home: null, memory: null, packages: null };
const texts = (said: Partial<typeof nothing> | object, language = 'en') =>
  noticesOf({ ...nothing, ...said }, translator(language), language).map(one => one.text);

describe('notices', () => {
  it('are none while all is well', () => {
    const packages = { state: 'ready' as const, problem: '' };
    const said = { idle: idle(), home: home(), memory: memory(), packages };
    expect(noticesOf(said, trans, 'en')).toEqual([]);
  });

  it('warn before the end, and offer to keep the server as long as there is quota', () => {
    const [warning] = noticesOf({ ...nothing, idle: idle({ state: 'warned' }) }, trans, 'en');
    expect(warning?.text).toMatch(/it ends at \d/);
    expect(warning?.actions).toEqual(['here', 'keep']);
    const spent = idle({ state: 'warned', quota_left_s: 0 });
    expect(noticesOf({ ...nothing, idle: spent }, trans, 'en')[0]?.actions).toEqual(['here']);
  });

  it.each([
    [48, 24, 4],
    [1.5, 24, 1.5],
    [48, 2, 2],
    [0, 24, 0]
  ])('keep for no more than is left: %d h of quota, %d h at most, %d h asked', (left, most, hours) => {
    const said = idle({ quota_left_s: left * 3600, keep_longest_s: most * 3600 });
    expect(hoursToKeep(said)).toBe(hours);
  });

  it('tell announcements in the language of the reader, or in English', () => {
    const announcements: Announcement[] = [
      { id: 1, level: 'warning', text: { en: 'Storage is away.', fr: 'Pas de stockage.' } },
      { id: 2, level: 'info', text: { en: 'Only English.' } }
    ];
    expect(texts({ idle: idle({ announcements }) }, 'fr')).toEqual([
      'Pas de stockage.',
      'Only English.'
    ]);
  });

  it('tell what was ended and what was open in it', () => {
    const ended_before = [{ ended_at: '2026-11-21T18:30:00Z', open: ['dark.ipynb'] }];
    const [text] = texts({ idle: idle({ ended_before }) });
    expect(text).toContain('because nobody had used it');
    expect(text).toContain('Open in it: dark.ipynb');
  });

  it('tell of a home by how full it is', () => {
    expect(texts({ home: home({ is_nearly_full: true, free_bytes: GIB / 2 }) })[0]).toContain(
      'nearly full: 0.5 GiB'
    );
    const full = home({ is_full: true, is_nearly_full: true, is_rescue: true });
    expect(texts({ home: full })).toHaveLength(1);
    expect(texts({ home: full })[0]).toContain('work/big.dat (3.0 GiB)');
    expect(texts({ home: home({ is_rescue: true }) })[0]).toContain('restart your server');
  });

  it('explain the death of a kernel with the cell that ran', () => {
    const [text] = texts({ memory: memory({ deaths: [death()] }) });
    expect(text).toContain('kernel of dark.ipynb was ended, because memory ran out');
    expect(text).toContain('1.9 GiB of 2.0 GiB');
    expect(text).toContain('Cell [5] ran: frames = np.ones((9, 9))');
    expect(text).not.toContain('more,');
    const killed = texts({ memory: memory({ deaths: [death({ cause: 'signal', code: '' })] }) });
    expect(killed[0]).toBe('The kernel of dark.ipynb was ended by SIGKILL.');
    const left = texts({ memory: memory({ deaths: [death({ cause: 'exit', name: '' })] }) });
    expect(left[0]).toContain('The kernel of a notebook ended by itself.');
  });

  it('tell of packages that are built, or cannot be', () => {
    const building = { state: 'building' as const, problem: '' };
    expect(texts({ packages: building })[0]).toContain('built anew');
    const failed = { state: 'failed' as const, problem: 'optics 2 is not 1.' };
    expect(texts({ packages: failed }, 'fr')[0]).toContain(': optics 2 is not 1.');
  });

  it('shorten a long line of code', () => {
    const [text] = texts({ memory: memory({ deaths: [death({ code: 'x'.repeat(500) })] }) });
    expect(text?.match(/x+…/)?.[0]).toHaveLength(121);
  });
});

describe('the model', () => {
  function model(answers: Record<string, unknown>): [ServerModel, Server] {
    const server = new Server(answers);
    const seen = new SeenNotices(window.localStorage);
    return [new ServerModel(new ServerApi(server.transport), trans, 'en', seen), server];
  }

  beforeEach(() => window.localStorage.clear());

  it('does not show again what was closed, on another page either, but a warning that comes back', async () => {
    const answers = { 'GET api/memory': memory({ deaths: [death()] }), 'GET home': home({ is_full: true }) };
    const [one] = model(answers);
    await one.look('memory');
    await one.look('home');
    expect(one.notices.map(notice => notice.key)).toEqual([
      'home full',
      'death 1 2026-11-22T18:30:00+00:00'
    ]);
    one.notices.forEach(notice => one.close(notice));
    expect(one.notices).toEqual([]);
    const [two] = model(answers);
    await two.look('memory');
    await two.look('home');
    expect(two.notices.map(notice => notice.key)).toEqual(['home full']);
  });

  it('keeps what was said last while the server is away', async () => {
    const [one, server] = model({ 'GET home': home({ is_full: true }) });
    await one.look('home');
    server.answers = { 'GET home': new Error('away') };
    await one.look('home');
    expect(one.notices).toHaveLength(1);
    server.answers = { 'GET home': [500, 'no'] };
    await one.look('home');
    expect(one.notices).toHaveLength(1);
  });

  it('asks a server no more for what it does not have', async () => {
    const [one, server] = model({ 'GET home': [404, {}], 'GET api/idle': [503, {}] });
    for (const part of ['home', 'home', 'idle', 'idle'] as const) {
      await one.look(part);
    }
    expect(server.asked.map(asked => asked.path)).toEqual(['home', 'api/idle', 'api/idle']);
  });

  it('says that somebody is here, and asks for as many hours as there are', async () => {
    const warned = idle({ state: 'warned', quota_left_s: 3600 });
    const [one, server] = model({
      'GET api/idle': warned,
      'POST api/idle/here': idle(),
      'POST api/idle/keep': idle()
    });
    await one.keep();
    expect(server.asked).toEqual([]);
    await one.look('idle');
    await one.keep();
    expect(server.asked.at(-1)).toEqual({ path: 'api/idle/keep', method: 'POST', body: { hours: 1 } });
    expect(one.notices).toEqual([]);
    await one.here();
    expect(server.asked.at(-1)?.path).toBe('api/idle/here');
  });

  it('tells a refusal in the words of the server', async () => {
    const [one] = model({
      'GET api/idle': idle({ state: 'warned' }),
      'POST api/idle/keep': [409, { message: 'Nothing is left.' }]
    });
    await one.look('idle');
    await expect(one.keep()).rejects.toThrow('Nothing is left.');
  });

  it('looks again and again until it is let go', async () => {
    jest.useFakeTimers();
    const [one, server] = model({ 'GET api/idle': idle(), 'GET home': home(), 'GET api/memory': memory() });
    const stop = one.watch();
    await jest.advanceTimersByTimeAsync(16_000);
    const count = (path: string) => server.asked.filter(asked => asked.path === path).length;
    expect([count('api/memory'), count('api/idle'), count('home')]).toEqual([4, 2, 1]);
    stop();
    await jest.advanceTimersByTimeAsync(60_000);
    expect(count('api/memory')).toBe(4);
    jest.useRealTimers();
  });
});

it('asks a kernel without a trace', async () => {
  const asked: object[] = [];
  const kernel = (answer: object) =>
    ({
      requestExecute: (content: object) => {
        asked.push(content);
        return { done: Promise.resolve({ content: answer }) };
      }
    }) as never;
  const variables = [{ name: 'frames', kind: 'ndarray', size_bytes: 8, shape: '1' }];
  const data = { 'application/json': { variables } };
  const good = { user_expressions: { boresight: { status: 'ok', data } } };
  await expect(biggestVariables(kernel(good))).resolves.toEqual(variables);
  expect(asked[0]).toMatchObject({ code: '', silent: true, store_history: false });
  const other = { user_expressions: { boresight: { status: 'error' } } };
  await expect(biggestVariables(kernel(other))).resolves.toBeNull();
  await expect(biggestVariables(kernel({}))).resolves.toBeNull();
});

describe('the meters', () => {
  let root: Root;
  let page: HTMLElement;
  const words = { trans, language: 'en' };

  beforeEach(() => {
    page = document.createElement('div');
    document.body.append(page);
    root = createRoot(page);
  });
  afterEach(() => {
    act(() => root.unmount());
    page.remove();
  });

  it('tell use and limit, and warn when little is left', () => {
    let opened = 0;
    const onOpen = () => (opened += 1);
    act(() => root.render(<MemoryMeter {...words} memory={memory()} onOpen={onOpen} />));
    expect(page.textContent).toBe('Memory 1.0 GiB of 4.0 GiB');
    expect(page.querySelector('.jp-boresight-bar-poor')).toBeNull();
    act(() => page.querySelector('button')?.click());
    expect(opened).toBe(1);
    act(() => root.render(<MemoryMeter {...words} memory={memory({ used_bytes: 3.9 * GIB })} onOpen={onOpen} />));
    expect(page.querySelector('.jp-boresight-bar-poor')).not.toBeNull();
    act(() => root.render(<HomeMeter {...words} home={home()} onOpen={onOpen} />));
    expect(page.textContent).toBe('Home 40 %');
  });

  it('show the biggest variables of a kernel as text', async () => {
    const variables = [{ name: HOSTILE, kind: 'ndarray', size_bytes: 3 * 2 ** 20, shape: '9 x 9' }];
    await act(async () => {
      root.render(
        <MemoryDetails {...words} memory={memory()} kernelId="k" isBusy={false} ask={async () => variables} />
      );
    });
    expect(page.textContent).toContain(HOSTILE);
    expect(page.querySelector('img')).toBeNull();
    expect(page.textContent).toContain('ndarray (9 x 9)3.0 MiB');
    expect(page.textContent).toContain('dark.ipynb512 MiB'.replace('512 MiB', '0.5 GiB'));
  });

  it.each([
    ['', async () => null, 'Open a notebook'],
    ['k', async () => null, 'does not tell'],
    ['k', async () => [], 'There is none.'],
    ['k', () => new Promise<null>(() => undefined), 'The kernel is busy']
  ])('say why there are no variables: %p', async (kernelId, ask, text) => {
    await act(async () => {
      root.render(<MemoryDetails {...words} memory={memory()} kernelId={kernelId} isBusy ask={ask} />);
    });
    expect(page.textContent).toContain(text);
  });

  it('tell what fills a home, and whose disk it is', () => {
    act(() => root.render(<HomeDetails {...words} home={home({ is_shared: true })} />));
    expect(page.textContent).toContain('shared with others; your files take 4.0 GiB');
    expect(page.textContent).toContain('work/big.dat3.0 GiB');
  });
});

it.each([
  [0, '0.0 MiB'],
  [2 ** 20 * 50, '50 MiB'],
  [GIB * 1.25, '1.3 GiB'],
  [GIB * 40, '40 GiB']
])('%d bytes are %s', (bytes, text) => {
  expect(gib(bytes, 'en')).toBe(text);
});
