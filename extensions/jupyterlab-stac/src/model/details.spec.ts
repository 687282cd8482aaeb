import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { StacActions } from '../actions';
import { builtinActions } from '../builtin';
import { FRENCH } from '../french';
import { languageOf, translator } from '../i18n';
import type { StacItem } from '../stac';
import { bytes, dayOf, duration, FIELD_LABELS, mediaName, rowsOf } from './format';
import { newItems, nextRequest } from './paging';
import { PROBLEM_SENTENCES } from './problems';
import { queryablesOf } from './queryables';
import { Signatures, type SignAnswer } from './signatures';
import { onPlot, skyOf } from './skyplot';

const t = translator('en');

test('every sentence has its French one, with the same values', () => {
  const sentences = new Set([...FIELD_LABELS, ...PROBLEM_SENTENCES]);
  const root = join(__dirname, '..');
  for (const name of readdirSync(root, { recursive: true }) as string[]) {
    if (/\.tsx?$/.test(name) && !name.includes('.spec.')) {
      const text = readFileSync(join(root, name), 'utf8');
      for (const [, sentence] of text.matchAll(/\b(?:t|words)\(\s*'((?:[^'\\]|\\.)*)'/g)) {
        sentences.add(sentence!.replace(/\\'/g, "'"));
      }
    }
  }
  expect(sentences.size).toBeGreaterThan(100);
  expect([...sentences].filter(one => !(one in FRENCH))).toEqual([]);
  const values = (text: string): string => [...text.matchAll(/%\d/g)].map(String).sort().join();
  expect(Object.entries(FRENCH).filter(([en, fr]) => values(en) !== values(fr))).toEqual([]);
});

test('languages', () => {
  expect(['fr_FR', 'fr-CA', 'de', 'default', undefined].map(languageOf)).toEqual(['fr', 'fr', 'en', 'en', 'en']);
  expect(translator('fr')('%1 selected', 3)).toBe('3 sélectionnés');
  expect(t('%1 of %2 items', 1)).toBe('1 of %2 items');
});

const item: StacItem = {
  type: 'Feature',
  id: 'i',
  geometry: null,
  properties: {
    datetime: '2013-08-05T10:42:19.4Z',
    'view:incidence_angle': 12.3456,
    'view:sun_azimuth': 150,
    gsd: 0.70831,
    'eo:cloud_cover': 3,
    'proj:code': 'EPSG:32631',
    'proj:shape': [1000, 2000],
    'sat:absolute_orbit': 12345,
    'mine:height_m': 1234.5678,
    odd: { a: [1] },
    none: null
  },
  assets: {},
  links: []
};

test('properties have names, units and order', () => {
  const rows = Object.fromEntries(rowsOf(item, t, 'en').map(row => [row.label, row.value]));
  expect(rows).toEqual({
    Acquired: 'Aug 5, 2013, 10:42:19 UTC',
    'Ground distance of pixels': '0.71\u00a0m',
    'Cloud cover': '3\u00a0%',
    'Incidence angle': '12.35°',
    'Sun azimuth': '150°',
    'Absolute orbit': '12345',
    Projection: 'EPSG:32631',
    'Rows and columns': '1000 × 2000\u00a0px',
    'mine:height_m': '1,234.6\u00a0m',
    odd: '{"a":[1]}'
  });
  expect(rowsOf(item, translator('fr'), 'fr').find(row => row.key === 'gsd')?.value).toBe('0,71\u00a0m');
});

test('sizes, lives and types', () => {
  expect([0, 1023, 1536, 5 * 2 ** 30].map(size => bytes(size, 'en'))).toEqual([
    '0\u00a0B', '1,023\u00a0B', '1.5\u00a0KiB', '5\u00a0GiB'
  ]);
  expect([59.9, 2579, 7260, 200000].map(life => duration(life, t))).toEqual([
    '59 s', '42 min', '2 h 1 min', '2 days'
  ]);
  expect(mediaName('image/tiff; application=geotiff; profile=cloud-optimized', 'x')).toBe('Cloud-optimised GeoTIFF');
  expect(mediaName(undefined, 'https://x/y.laz?sig=1')).toBe('LAZ');
  expect(mediaName(undefined, 'https://x/y')).toBe('');
  expect(dayOf({ ...item, properties: { start_datetime: '2020-01-01T', end_datetime: '2020-02-01T' } })).toBe(
    '2020-01-01 – 2020-02-01'
  );
});

test('queryables of all types, by reference and by alternatives', () => {
  const found = queryablesOf({
    $defs: { angle: { type: 'number', minimum: 0, maximum: 90 } },
    properties: {
      id: { type: 'string' },
      gsd: { type: ['number', 'null'], title: 'GSD' },
      angle: { $ref: '#/$defs/angle' },
      mode: { enum: ['a', 'b', null] },
      made: { type: 'string', format: 'date-time' },
      orbit: { anyOf: [{ type: 'null' }, { type: 'integer' }] },
      flag: { type: 'boolean' },
      remote: { $ref: 'https://schemas.example/x.json#/definitions/created' },
      shape: { type: 'object' },
      broken: 7
    }
  });
  expect(Object.fromEntries(found.map(one => [one.name, one.kind]))).toEqual({
    angle: 'number', flag: 'boolean', gsd: 'number', made: 'date', mode: 'enum', orbit: 'integer', remote: 'date'
  });
  expect(found.find(one => one.name === 'angle')).toMatchObject({ minimum: 0, maximum: 90 });
  expect(found.find(one => one.name === 'mode')?.values).toEqual(['a', 'b']);
  for (const nonsense of [null, [], 'x', {}, { properties: [] }]) {
    expect(queryablesOf(nonsense)).toEqual([]);
  }
});

describe('paging', () => {
  const asked = { url: 'https://a.example/search', method: 'POST', body: { limit: 1 } } as const;
  const page = (link: object, features = [item]): never => ({ features, links: [link] }) as never;

  test.each([
    ['a token to be merged', { rel: 'next', href: asked.url, method: 'POST', merge: true, body: { token: 'x' } }, { limit: 1, token: 'x' }],
    ['a body as it stands', { rel: 'next', href: asked.url, method: 'POST', body: { token: 'x' } }, { token: 'x' }]
  ])('%s', (_, link, body) => {
    expect(nextRequest(page(link), asked)).toEqual({ url: asked.url, method: 'POST', body });
  });

  test('a link to be followed, also a relative one', () => {
    expect(nextRequest(page({ rel: 'next', href: '?token=2' }), asked)).toEqual({
      url: 'https://a.example/search?token=2',
      method: 'GET'
    });
  });

  test('no circles', () => {
    expect(nextRequest(page({ rel: 'next', href: asked.url, method: 'POST', body: asked.body }), asked)).toBeNull();
    expect(nextRequest(page({ rel: 'next', href: '?token=2' }, []), asked)).toBeNull();
    expect(nextRequest(page({ rel: 'prev', href: '?token=0' }), asked)).toBeNull();
  });

  test('items without what they should have are mended, what is no item left out', () => {
    const features = [null, 3, { id: 4 }, { id: 'a' }, { id: 'a' }, { id: 'b', collection: 'c' }];
    const found = newItems({ features } as never, new Set(['c/b']));
    expect(found).toEqual([{ id: 'a', geometry: null, properties: {}, assets: {}, links: [] }]);
  });
});

describe('signatures', () => {
  const answer = (hrefs: readonly string[], life: number): SignAnswer => ({
    now: '2024-01-01T00:00:00Z',
    signed: Object.fromEntries(
      hrefs
        .filter(href => href !== 'bad')
        .map(href => [
          href,
          { address: `${href}?s`, signer: 's', expires_at: new Date(Date.UTC(2024, 0, 1) + life * 1000).toISOString() }
        ])
    ),
    refused: hrefs.includes('bad') ? { bad: { message: 'Not yours.', remedy: 'Ask.' } } : {}
  });

  test('those asked for together are signed together, at most 64', async () => {
    const batches: number[] = [];
    const signatures = new Signatures(async hrefs => {
      batches.push(hrefs.length);
      return answer(hrefs, 3600);
    });
    const hrefs = Array.from({ length: 100 }, (_, i) => `h${i}`);
    await Promise.all([...hrefs, 'h0'].map(href => signatures.address(href)));
    expect(batches).toEqual([64, 36]);
    expect((await signatures.address('h5')).address).toBe('h5?s');
    expect(batches).toHaveLength(2);
  });

  test('what has ended is signed anew, whatever the clocks say', async () => {
    let clock = 0;
    let count = 0;
    const signatures = new Signatures(async hrefs => {
      count++;
      return answer(hrefs, 600);
    }, () => clock);
    await signatures.address('a');
    expect(signatures.left('a')).toBe(600);
    clock = 530_000;
    await signatures.address('a');
    expect(count).toBe(1);
    clock = 545_000;
    await signatures.address('a');
    expect(count).toBe(2);
    expect(signatures.left('a')).toBe(600);
    clock = 9_000_000;
    expect(signatures.left('a')).toBe(0);
  });

  test('one that is refused does not stand in the way', async () => {
    const signatures = new Signatures(async hrefs => answer(hrefs, 600));
    const [good, bad] = await Promise.allSettled([signatures.address('a'), signatures.address('bad')]);
    expect(good.status).toBe('fulfilled');
    expect(bad).toMatchObject({ status: 'rejected', reason: new Error('Not yours. Ask.') });
    expect(signatures.refusal('bad')).toBe('Not yours. Ask.');
  });

  test('a failure is told to all who wait, and the next try is a new one', async () => {
    let fail = true;
    const signatures = new Signatures(async hrefs => {
      if (fail) {
        throw new Error('down');
      }
      return answer(hrefs, 600);
    });
    await expect(Promise.all([signatures.address('a'), signatures.address('b')])).rejects.toThrow('down');
    fail = false;
    expect((await signatures.address('a')).address).toBe('a?s');
  });
});

test('the sky: north up, east right, the horizon at the rim', () => {
  const { sun, sensor } = skyOf({
    'view:sun_azimuth': -90, 'view:sun_elevation': 0, 'view:azimuth': 90, 'view:incidence_angle': 45
  });
  expect(sun).toEqual({ azimuth: 270, zenith: 90 });
  const at = onPlot(sun!, 10);
  expect([at.x, at.y].map(value => Math.round(value * 1e9) / 1e9 + 0)).toEqual([-10, 0]);
  expect(onPlot(sensor!, 10).x).toBeCloseTo(5, 9);
  expect(onPlot({ azimuth: 0, zenith: 90 }, 10).y).toBe(-10);
  expect(skyOf({ 'view:sun_azimuth': 'x', 'view:off_nadir': 95 })).toEqual({ sun: null, sensor: null });
  expect(skyOf({ 'view:off_nadir': 0 }).sensor).toEqual({ azimuth: 0, zenith: 0 });
});

test('actions: by rank, unique, gone when disposed', async () => {
  const actions = new StacActions();
  const code: string[] = [];
  const gis = { document: () => null, add: async () => undefined };
  builtinActions(t, () => null, async text => void code.push(text), gis).forEach(one => actions.add(one));
  let told = 0;
  actions.changed.connect(() => void told++);
  actions.again();
  expect(told).toBe(1);
  const other = { id: 'x', label: 'X', caption: '', rank: 1, isEnabled: () => true, execute: () => undefined };
  const handle = actions.add(other);
  expect(actions.actions[0]).toBe(other);
  expect(() => actions.add(other)).toThrow("'x'");
  handle.dispose();
  expect(actions.actions.map(one => one.id)).not.toContain('x');
  const context = { apiUrl: 'https://a.example', items: [item], bbox: null, area: null, show: () => undefined };
  for (const action of actions.actions.filter(one => one.isEnabled(context))) {
    await action.execute(context);
  }
  expect(code).toHaveLength(2);
});
