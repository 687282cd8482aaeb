/** Python that is put into notebooks: runs as it stands, and signs when something is opened. */

import type { StacAsset, StacItem } from '../stac';
import { toCql2, interval, type Capabilities, type SearchState } from './search';
import { splitBBox } from './footprints';

/** How code opens an API; of `load` and `raster` the first line imports, the second calls. */
export interface CodeOfApi {
  /** Import, then the call that gives a `pystac_client.Client`. */
  readonly open: readonly [string, string];
  /** With `{items}` and `{bands}`. */
  readonly load?: readonly [string, string];
  /** With `{asset}`. */
  readonly raster?: readonly [string, string];
}

export interface CodeTarget {
  readonly url: string;
  readonly code?: CodeOfApi | null;
}

const PLANETARY_COMPUTER = 'planetarycomputer.microsoft.com';

/** Python literal of a JSON value; text in it can do nothing but be text. */
export function literal(value: unknown, indent = 0): string {
  if (value === null || value === undefined) {
    return 'None';
  }
  if (typeof value === 'boolean') {
    return value ? 'True' : 'False';
  }
  if (typeof value === 'number') {
    return Number.isFinite(value) ? String(value) : 'None';
  }
  if (typeof value === 'string') {
    return text(value);
  }
  const pad = ' '.repeat(indent + 4);
  const isArray = Array.isArray(value);
  const parts = isArray
    ? value.map(one => literal(one, indent + 4))
    : Object.entries(value).map(([key, one]) => `${text(key)}: ${literal(one, indent + 4)}`);
  const [begin, end] = isArray ? '[]' : '{}';
  const line = `${begin}${parts.join(', ')}${end}`;
  return line.length + indent <= 80 && !line.includes('\n')
    ? line
    : `${begin}\n${parts.map(part => `${pad}${part},`).join('\n')}\n${' '.repeat(indent)}${end}`;
}

function text(value: string): string {
  let found = '';
  for (const sign of value) {
    const code = sign.codePointAt(0)!;
    if (sign === '\\' || sign === '"') {
      found += `\\${sign}`;
    } else if (sign === '\n') {
      found += '\\n';
    } else if (sign === '\t') {
      found += '\\t';
    } else if (code < 0x20 || /[\p{C}\p{Zl}\p{Zp}]/u.test(sign)) {
      // what cannot be seen, or turns the direction of what can
      found += code > 0xffff ? `\\U${hex(code, 8)}` : `\\u${hex(code, 4)}`;
    } else {
      found += sign;
    }
  }
  return `"${found}"`;
}

function hex(code: number, width: number): string {
  return code.toString(16).padStart(width, '0');
}

interface Opening {
  readonly imports: readonly string[];
  readonly line: string;
}

function opening({ url, code }: CodeTarget): Opening {
  if (code) {
    return { imports: [code.open[0]], line: `catalog = ${code.open[1]}` };
  }
  const host = new URL(url).hostname;
  if (host === PLANETARY_COMPUTER) {
    return {
      imports: ['import planetary_computer', 'from pystac_client import Client'],
      line: `catalog = Client.open(${literal(url)}, modifier=planetary_computer.sign_inplace)`
    };
  }
  return {
    imports: ['from pystac_client import Client'],
    line: `catalog = Client.open(${literal(url)})`
  };
}

function program(imports: readonly string[], lines: readonly string[]): string {
  const head = [...new Set(imports)].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
  return `${head.join('\n')}\n\n${lines.join('\n')}\n`;
}

function rank(line: string): number {
  return line.startsWith('import ') ? 0 : 1;
}

function found(items: readonly StacItem[]): string[] {
  const [first] = items;
  if (items.length === 1 && first) {
    const where = first.collection ? `collections=[${literal(first.collection)}], ` : '';
    return [`item = next(catalog.search(${where}ids=[${literal(first.id)}]).items())`];
  }
  const collections = [...new Set(items.map(one => one.collection).filter(Boolean))];
  const where = collections.length ? `collections=${literal(collections)}, ` : '';
  return [
    `ids = ${literal(items.map(one => one.id))}`,
    `items = list(catalog.search(${where}ids=ids).items())`
  ];
}

/** Open one item, or several. */
export function openItems(api: CodeTarget, items: readonly StacItem[]): string {
  const { imports, line } = opening(api);
  return program(imports, [line, ...found(items), items.length === 1 ? 'item' : 'items']);
}

/** Load items as xarray: on one grid when they are on a map, else the first asset with data. */
export function loadXarray(api: CodeTarget, items: readonly StacItem[]): string {
  const { imports, line } = opening(api);
  const [first] = items;
  const one = items.length === 1;
  const bands = first ? dataAssets(first).map(([name]) => name) : [];
  if (first && !items.every(isOnMap)) {
    const name = bands[0] ?? Object.keys(first.assets)[0] ?? '';
    const asset = `${one ? 'item' : 'items[0]'}.assets[${literal(name)}]`;
    const [from, call] = api.code?.raster ?? [
      'import rioxarray',
      'rioxarray.open_rasterio({asset}.href, chunks="auto")'
    ];
    return program(
      [...imports, from],
      [line, ...found(items), `data = ${filled(call, { asset })}`, 'data']
    );
  }
  const [from, call] = api.code?.load ?? [
    'import odc.stac',
    'odc.stac.load({items}, bands={bands}, chunks={}, groupby="solar_day")'
  ];
  const values = { items: one ? '[item]' : 'items', bands: literal(bands.slice(0, 4)) };
  return program(
    [...imports, from],
    [line, ...found(items), `data = ${filled(call, values)}`, 'data']
  );
}

function filled(call: string, values: Readonly<Record<string, string>>): string {
  // in one go: what is put in is not looked at again
  return call.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
}

/** The whole search, as it stands in the panel. */
export function wholeSearch(api: CodeTarget, state: SearchState, can: Capabilities): string {
  const { imports, line } = opening(api);
  const args: string[] = [];
  const put = (name: string, value: unknown): void => {
    args.push(`    ${name}=${literal(value, 4)},`);
  };
  if (state.collections.length) {
    put('collections', state.collections);
  }
  if (state.ids.length) {
    put('ids', state.ids);
  }
  const boxes = state.bbox ? splitBBox(state.bbox) : [];
  if (state.area) {
    put('intersects', state.area);
  } else if (boxes.length > 1) {
    put('intersects', {
      type: 'MultiPolygon',
      coordinates: boxes.map(([w, s, e, n]) => [[[w, s], [e, s], [e, n], [w, n], [w, s]]])
    });
  } else if (state.bbox) {
    put('bbox', state.bbox);
  }
  const datetime = interval(state.from, state.to);
  if (datetime) {
    put('datetime', datetime);
  }
  const cql2 = can.filter ? toCql2(state, can.like) : null;
  if (cql2) {
    put('filter', cql2);
    put('filter_lang', 'cql2-json');
  }
  if (state.sort && can.sort) {
    put('sortby', [{ field: state.sort.field, direction: state.sort.direction }]);
  }
  args.push('    max_items=100,');
  return program(imports, [
    line,
    'search = catalog.search(',
    ...args,
    ')',
    'items = search.item_collection()',
    'items'
  ]);
}

/** Footprints on an ipyleaflet map; on `m` when there is one. */
export function onLeaflet(items: readonly StacItem[]): string {
  const features = items
    .filter(item => item.geometry)
    .map(item => ({
      type: 'Feature',
      geometry: item.geometry,
      properties: { id: item.id }
    }));
  return program(
    ['from ipyleaflet import GeoJSON, Map'],
    [
      `footprints = GeoJSON(data=${literal({ type: 'FeatureCollection', features })})`,
      'if not isinstance(globals().get("m"), Map):',
      `    m = Map(center=${literal(centre(items))}, zoom=8, layers=())`,
      'm.add(footprints)',
      'm'
    ]
  );
}

function centre(items: readonly StacItem[]): [number, number] {
  const box = items.find(item => item.bbox && item.bbox.length >= 4)?.bbox;
  if (!box) {
    return [0, 0];
  }
  const half = box.length / 2;
  return [
    round((box[1]! + box[half + 1]!) / 2),
    round((box[0]! + box[half]!) / 2)
  ];
}

function round(value: number): number {
  return Math.round(value * 1e5) / 1e5;
}

/** Whether an item has a projection, so that it can be put on a grid. */
export function isOnMap(item: StacItem): boolean {
  const has = (held: Readonly<Record<string, unknown>>): boolean =>
    ['proj:code', 'proj:epsg', 'proj:wkt2', 'proj:projjson'].some(name => held[name] != null);
  return has(item.properties) || Object.values(item.assets).some(has);
}

/** Assets that hold data in rasters, by name. */
export function dataAssets(item: StacItem): [string, StacAsset][] {
  const rasters = Object.entries(item.assets).filter(([, asset]) => isRaster(asset));
  const data = rasters.filter(([, asset]) => asset.roles?.includes('data'));
  return data.length ? data : rasters.filter(([, asset]) => !isPicture(asset));
}

/** Whether GDAL is likely to read it; one without a type is judged by its name. */
export function isRaster(asset: StacAsset): boolean {
  if (asset.type) {
    return /^image\//.test(asset.type) && !/svg|gif/.test(asset.type);
  }
  return /\.(tiff?|jp2|png|jpe?g)$/i.test(asset.href.replace(/[?#].*$/, ''));
}

/** Whether it is there to be looked at, not to be measured. */
export function isPicture(asset: StacAsset): boolean {
  const roles = asset.roles ?? [];
  return roles.includes('thumbnail') || roles.includes('overview') || /png|jpe?g$/.test(asset.type ?? '');
}
