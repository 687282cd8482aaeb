import { spawnSync } from 'node:child_process';

import type { StacItem } from '../stac';
import { dataAssets, isRaster, literal, loadXarray, onLeaflet, openItems, wholeSearch } from './python';
import { capabilitiesOf, EMPTY_SEARCH } from './search';

const HOSTILE = [
  '"; import os; os.system("id")  #',
  "'''\"\"\"",
  'line\nbreak\r\u2028end',
  'back\\slash\\" \\N{DASH}',
  '\u202eevil\u202c \u0000 \u0085 \ud800 😀',
  '{items} {bands} $& $1 %s {0}',
  '</script><img src=x onerror=alert(1)>'
];
const item = (id: string, collection = 'c'): StacItem => ({
  type: 'Feature',
  id,
  collection,
  geometry: { type: 'Point', coordinates: [1, 2] },
  bbox: [1, 2, 1, 2],
  properties: { 'proj:code': 'EPSG:32631' },
  assets: { [id]: { href: 'x.tif', type: 'image/tiff; application=geotiff', roles: ['data'] } },
  links: []
});
const API = { url: 'https://api.example/v1' };
const OURS = {
  url: 'http://127.0.0.1:8000/services/stac',
  code: {
    open: ['from mine import open_catalog', 'open_catalog()'],
    load: ['from mine import to_xarray', 'to_xarray({items}, bands={bands})'],
    raster: ['from mine import open_raster', 'open_raster({asset})']
  } as const
};
const can = capabilitiesOf(
  {
    conformsTo: ['item-search#filter', 'item-search#sort'],
    links: [{ rel: 'search', href: 'search', method: 'POST' }]
  },
  API.url
);

/** What Python makes of programs: the texts of their literals. */
function strings(programs: string[]): string[][] {
  const code = `
import ast, json, sys
print(json.dumps([[n.value for n in ast.walk(ast.parse(p))
    if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    for p in json.load(sys.stdin)]))`;
  const { stdout, stderr } = spawnSync('python3', ['-c', code], {
    input: JSON.stringify(programs),
    encoding: 'utf8'
  });
  if (!stdout) {
    throw new Error(stderr);
  }
  return JSON.parse(stdout) as string[][];
}

test('hostile texts stay texts, read by Python itself', () => {
  const programs = HOSTILE.map(text => `x = ${literal(text)}`);
  expect(programs.every(program => !/[\n\r\u2028\u202e\u0000]/.test(program))).toBe(true);
  expect(strings(programs).map(([text]) => text)).toEqual(HOSTILE);
});

test.each([API, OURS])('items of hostile names are opened and loaded by $url', api => {
  const programs = HOSTILE.flatMap(id => [
    openItems(api, [item(id, id)]),
    loadXarray(api, [item(id, id)]),
    openItems(api, [item(id), item('b')]),
    onLeaflet([item(id)]),
    wholeSearch(api, { ...EMPTY_SEARCH, collections: [id], filters: { [id]: { kind: 'text', text: id } } }, can)
  ]);
  const found = strings(programs);
  found.forEach((texts, i) => {
    const id = HOSTILE[Math.floor(i / 5)]!;
    expect(texts.some(text => text.includes(id) || text.includes(id.replace(/[\\%_]/g, '\\$&')))).toBe(true);
  });
});

test('our API is opened by its own code, Planetary Computer by its own client', () => {
  expect(openItems(OURS, [item('a')])).toBe(
    'from mine import open_catalog\n\ncatalog = open_catalog()\n' +
      'item = next(catalog.search(collections=["c"], ids=["a"]).items())\nitem\n'
  );
  expect(loadXarray(OURS, [item('a')])).toContain('to_xarray([item], bands=["a"])');
  const theirs = { url: 'https://planetarycomputer.microsoft.com/api/stac/v1' };
  expect(openItems(theirs, [item('a')])).toContain('modifier=planetary_computer.sign_inplace');
});

test('an image in sensor geometry is opened as it is', () => {
  const sensor = { ...item('a'), properties: { 'proj:code': null } };
  expect(loadXarray(OURS, [sensor])).toContain('open_raster(item.assets["a"])');
  expect(loadXarray(API, [sensor])).toContain('rioxarray.open_rasterio(item.assets["a"].href');
});

test('literals', () => {
  expect(literal({ a: [1, -0.5, null, true, undefined, NaN] })).toBe(
    '{"a": [1, -0.5, None, True, None, None]}'
  );
  const long = { name: 'x'.repeat(60), other: ['y'.repeat(40)] };
  expect(literal(long).split('\n').length).toBeGreaterThan(2);
});

test('assets with data, also without types', () => {
  expect(isRaster({ href: 'https://x/a.TIF?sig=1' })).toBe(true);
  expect(isRaster({ href: 'a', type: 'image/svg+xml' })).toBe(false);
  expect(isRaster({ href: 'a.json' })).toBe(false);
  const mixed = {
    ...item('a'),
    assets: {
      thumbnail: { href: 't.png', type: 'image/png', roles: ['thumbnail'] },
      b: { href: 'b.tif' }
    }
  };
  expect(dataAssets(mixed).map(([name]) => name)).toEqual(['b']);
});
