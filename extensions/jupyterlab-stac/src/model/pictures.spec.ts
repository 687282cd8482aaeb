import type { StacAsset, StacItem } from '../stac';
import { mapPictureOf, thumbnailOf } from './pictures';

const COG = 'image/tiff; application=geotiff; profile=cloud-optimized';
const item = (assets: Record<string, StacAsset>, bbox = [5, 44, 5.003, 44.002]): StacItem => ({
  type: 'Feature',
  id: 'a',
  geometry: null,
  bbox,
  properties: {},
  assets,
  links: []
});
const png: StacAsset = { href: 's3://b/t.png', type: 'image/png', roles: ['thumbnail'] };
const cog: StacAsset = { href: 's3://b/dsm.tif', type: COG, roles: ['data'] };

test('a thumbnail is laid over the map, and read from the file itself where there is none', () => {
  const box = [5, 44, 5.003, 44.002];
  expect(mapPictureOf(item({ dsm: cog, thumbnail: png }))).toEqual({ href: png.href, drawn: false, box });
  expect(mapPictureOf(item({ dsm: cog }))).toEqual({ href: cog.href, drawn: true, box });
  // without overviews the server would read all of it
  expect(mapPictureOf(item({ dsm: { ...cog, type: 'image/tiff' } }))).toBeNull();
});

test('where a picture lies comes of the footprint when an item has no box', () => {
  const geometry: GeoJSON.Geometry = {
    type: 'Polygon',
    coordinates: [[[5, 44], [6, 44.5], [5.5, 45], [5, 44]]]
  };
  expect(mapPictureOf({ ...item({ thumbnail: png }), geometry, bbox: undefined })?.box).toEqual([5, 44, 6, 45]);
});

test.each([
  ['no area', undefined],
  ['a point', [5, 44, 5, 44]],
  ['across the antimeridian', [179, 0, -179, 1]]
])('nothing is laid over the map for %s', (_, bbox) => {
  expect(mapPictureOf({ ...item({ thumbnail: png }), bbox })).toBeNull();
});

test('a file that browsers do not know is no thumbnail', () => {
  expect(thumbnailOf(item({ thumbnail: { ...cog, roles: ['thumbnail'] } }))).toBeNull();
  expect(thumbnailOf(item({ quicklook: { href: 'https://a/q.jpg' } }))?.href).toBe('https://a/q.jpg');
});
