import { builtinActions } from '../builtin';
import type { StacItem } from '../stac';
import { footprintLayer, isGisDocument, type GisLayer } from './jupytergis';

const item = (id: string, geometry: GeoJSON.Geometry | null): StacItem => ({
  type: 'Feature',
  id,
  collection: 'c',
  geometry,
  properties: { datetime: '2026-01-01T00:00:00Z' },
  assets: {},
  links: []
});
const POINT: GeoJSON.Geometry = { type: 'Point', coordinates: [1, 2] };

test.each([
  ['work/a.jGIS', true],
  ['a.JGIS', true],
  ['a.ipynb', false],
  ['jgis', false]
])('a document of JupyterGIS: %s is %s', (path, expected) => {
  expect(isGisDocument(path)).toBe(expected);
});

test('footprints of items that have one are a layer, named after one or after how many', () => {
  const one = footprintLayer('a.jGIS', [item('x', POINT), item('y', null)]);
  expect(one.name).toBe('x');
  expect(one.parameters.source.data.features).toEqual([
    {
      type: 'Feature',
      geometry: POINT,
      properties: { id: 'x', collection: 'c', datetime: '2026-01-01T00:00:00Z' }
    }
  ]);
  expect(footprintLayer('a.jGIS', [item('x', POINT), item('y', POINT)]).name).toBe('2 STAC');
});

test('the action is offered where a document is open, and adds to that one', async () => {
  let path: string | null = null;
  const added: GisLayer[] = [];
  const gis = { document: () => path, add: async (layer: GisLayer) => void added.push(layer) };
  const actions = builtinActions(text => text, () => null, async () => undefined, gis);
  const action = actions.find(one => one.id === 'jupyterlab-stac:jupytergis')!;
  const context = (items: StacItem[]) => ({ apiUrl: '', items, bbox: null, area: null, show: () => undefined });
  expect(action.isEnabled(context([item('x', POINT)]))).toBe(false);
  await action.execute(context([item('x', POINT)]));
  path = 'a.jGIS';
  expect(action.isEnabled(context([item('x', POINT)]))).toBe(true);
  expect(action.isEnabled(context([item('y', null)]))).toBe(false);
  await action.execute(context([item('x', POINT)]));
  expect(added.map(layer => layer.filePath)).toEqual(['a.jGIS']);
});
