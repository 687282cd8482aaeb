import type { StacRoot } from '../stac';
import {
  absolute,
  capabilitiesOf,
  EMPTY_SEARCH,
  emptyFilter,
  interval,
  restoredSearch,
  searchRequest,
  toCql2,
  toLongitude,
  viewportBBox,
  type SearchState
} from './search';
import { toText } from './cql2';

const ROOT = 'https://api.example/stac';
const conforms = [
  'https://api.stacspec.org/v1.0.0/item-search#filter',
  'https://api.stacspec.org/v1.0.0/item-search#sort',
  'http://www.opengis.net/spec/cql2/1.0/conf/advanced-comparison-operators'
];
const root = (methods: string[], conformsTo = conforms): StacRoot => ({
  conformsTo,
  links: [
    ...methods.map(method => ({ rel: 'search', href: `${ROOT}/search`, method })),
    { rel: 'http://www.opengis.net/def/rel/ogc/1.0/queryables', href: 'queryables' }
  ]
});
const POST = capabilitiesOf(root(['GET', 'POST']), ROOT);
const GET = capabilitiesOf(root(['GET']), ROOT);

const full: SearchState = {
  ...EMPTY_SEARCH,
  collections: ['a', 'b'],
  bbox: [1, 2, 3, 4],
  from: '2024-01-01',
  to: '',
  cloudCoverMax: 20,
  filters: {
    gsd: { kind: 'number', min: null, max: 1 },
    platform: { kind: 'text', text: '50%_x' },
    mode: { kind: 'enum', values: ['p', 'q'] },
    ok: { kind: 'boolean', value: false },
    made: { kind: 'date', from: '2024-02-01', to: '' }
  },
  sort: { field: 'properties.datetime', direction: 'desc' }
};

test('a whole search by POST', () => {
  const { url, method, body } = searchRequest(full, POST, ROOT);
  expect([url, method]).toEqual([`${ROOT}/search`, 'POST']);
  expect(body).toMatchObject({
    collections: ['a', 'b'],
    bbox: [1, 2, 3, 4],
    datetime: '2024-01-01T00:00:00Z/..',
    'filter-lang': 'cql2-json',
    sortby: [{ field: 'properties.datetime', direction: 'desc' }]
  });
  expect(toText(body!['filter'] as never)).toBe(
    "eo:cloud_cover <= 20 AND gsd <= 1 AND platform LIKE '%50\\%\\_x%' AND (mode = 'p' OR mode = 'q')" +
      " AND ok = FALSE AND made >= TIMESTAMP('2024-02-01T00:00:00Z')"
  );
});

test('the same by GET', () => {
  const url = new URL(searchRequest(full, GET, ROOT).url);
  expect(Object.fromEntries(url.searchParams)).toMatchObject({
    collections: 'a,b',
    bbox: '1,2,3,4',
    'filter-lang': 'cql2-text',
    sortby: '-properties.datetime'
  });
});

test('across the antimeridian two boxes are asked for', () => {
  const body = searchRequest({ ...EMPTY_SEARCH, bbox: [170, -10, -170, 10] }, POST, ROOT).body!;
  expect(body['bbox']).toBeUndefined();
  const { coordinates } = body['intersects'] as GeoJSON.MultiPolygon;
  expect(coordinates.map(([ring]) => ring!.map(([lon]) => lon))).toEqual([
    [170, 180, 180, 170, 170],
    [-180, -170, -170, -180, -180]
  ]);
});

test('an API without search is asked for the items of one collection', () => {
  const can = capabilitiesOf({ links: [] }, ROOT);
  expect(can.missing).toEqual(['search', 'filter', 'sort']);
  const one = searchRequest({ ...full, collections: ['a b'] }, can, ROOT);
  expect(new URL(one.url).pathname).toBe('/stac/collections/a%20b/items');
  expect(() => searchRequest(full, can, ROOT)).toThrow(RangeError);
});

test('what an API cannot do is not asked for', () => {
  const plain = capabilitiesOf(root(['POST'], []), ROOT);
  const body = searchRequest(full, plain, ROOT).body!;
  expect(Object.keys(body).sort()).toEqual(['bbox', 'collections', 'datetime', 'limit']);
  expect(toText(toCql2({ ...EMPTY_SEARCH, filters: { p: { kind: 'text', text: 'x' } } }, false)!)).toBe(
    "p = 'x'"
  );
});

test('filters that filter nothing are left out', () => {
  for (const kind of ['number', 'enum', 'date', 'text'] as const) {
    expect(toCql2({ ...EMPTY_SEARCH, filters: { x: emptyFilter(kind) } })).toBeNull();
  }
});

test('links are relative to the root, with or without its slash', () => {
  expect(absolute('search', ROOT)).toBe(`${ROOT}/search`);
  expect(absolute('search', `${ROOT}/`)).toBe(`${ROOT}/search`);
});

test('days include both ends', () => {
  expect(interval('', '')).toBeNull();
  expect(interval('', '2024-01-31')).toBe('../2024-01-31T23:59:59.999Z');
});

test.each([
  [[-200, -100, 200, 100], null],
  [[-200, -10, 200, 10], [-180, -10, 180, 10]],
  [[170, -10, 190, 10], [170, -10, -170, 10]],
  [[-550, 0, -530, 5], [170, 0, -170, 5]],
  [[10, 80, 20, 120], [10, 80, 20, 90]]
])('a map that shows %p is the box %p', (extent, expected) => {
  expect(viewportBBox(extent as number[])).toEqual(expected);
});

test('longitudes', () => {
  expect([190, -190, 540, 180, -180, 0].map(toLongitude)).toEqual([-170, 170, 180, 180, -180, 0]);
});

test('a saved search comes back, and nonsense does not', () => {
  expect(restoredSearch(JSON.parse(JSON.stringify(full)))).toEqual(full);
  expect(restoredSearch('x')).toEqual(EMPTY_SEARCH);
  expect(
    restoredSearch({ collections: [1, 'a'], bbox: [1, 'x', 3, 4], from: '<b>', sort: { field: 3 } })
  ).toEqual({ ...EMPTY_SEARCH, collections: ['a'] });
});
