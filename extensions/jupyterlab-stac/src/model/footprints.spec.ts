import { bboxOf, extentOf, footprintOf, splitBBox, type Footprint } from './footprints';

const polygon = (ring: number[][]): GeoJSON.Polygon => ({ type: 'Polygon', coordinates: [ring] });

function area({ polygons }: Footprint): number {
  return polygons.reduce((sum, [outer]) => {
    let twice = 0;
    outer!.forEach(([x, y], i) => {
      const [u, v] = outer![(i + 1) % outer!.length]!;
      twice += x * v - u * y;
    });
    return sum + Math.abs(twice) / 2;
  }, 0);
}

function within({ polygons }: Footprint): boolean {
  return polygons.every(rings => rings.every(ring => ring.every(([lon]) => Math.abs(lon) <= 180)));
}

test('an ordinary footprint stays as it is', () => {
  const found = footprintOf({ geometry: polygon([[1, 2], [3, 2], [3, 4], [1, 4], [1, 2]]) });
  expect(found.source).toBe('geometry');
  expect(found.polygons).toHaveLength(1);
  expect(area(found)).toBe(4);
});

test.each([
  ['as -180 to 180', [[179, 0], [-179, 0], [-179, 1], [179, 1], [179, 0]]],
  ['beyond 180', [[179, 0], [181, 0], [181, 1], [179, 1], [179, 0]]],
  ['beyond -180', [[-181, 0], [-179, 0], [-179, 1], [-181, 1], [-181, 0]]]
])('across the antimeridian, written %s: two parts, as large together', (_, ring) => {
  const found = footprintOf({ geometry: polygon(ring) });
  expect(found.polygons).toHaveLength(2);
  expect(within(found)).toBe(true);
  expect(area(found)).toBeCloseTo(2, 9);
});

test('a ring around the north pole is closed over it', () => {
  const ring = [-180, -90, 0, 90, 180].map(lon => [lon, 80]);
  const found = footprintOf({ geometry: polygon(ring) });
  expect(within(found)).toBe(true);
  expect(area(found)).toBeCloseTo(360 * 10, 6);
});

test('a ring around the south pole that begins anywhere', () => {
  const ring = [-30, 60, 150, -120, -30].map(lon => [lon, -75]);
  const found = footprintOf({ geometry: polygon(ring) });
  expect(within(found)).toBe(true);
  expect(area(found)).toBeCloseTo(360 * 15, 6);
});

test('a hole goes with its part', () => {
  const geometry: GeoJSON.Polygon = {
    type: 'Polygon',
    coordinates: [
      [[170, -10], [-170, -10], [-170, 10], [170, 10], [170, -10]],
      [[-179, -1], [-177, -1], [-177, 1], [-179, 1], [-179, -1]]
    ]
  };
  const found = footprintOf({ geometry });
  expect(found.polygons.map(rings => rings.length).sort()).toEqual([1, 2]);
});

test('without a geometry the box is shown, without a box nothing', () => {
  expect(footprintOf({ geometry: null, bbox: [170, 0, -170, 1] })).toMatchObject({ source: 'bbox' });
  expect(footprintOf({ geometry: null, bbox: [170, 0, -170, 1] }).polygons).toHaveLength(2);
  expect(footprintOf({ geometry: null }).source).toBe('none');
});

test.each([
  ['nonsense', { type: 'Polygon', coordinates: 'x' }],
  ['numbers missing', { type: 'Polygon', coordinates: [[[null, 1], ['a', 2]]] }],
  ['an unknown type', { type: 'Circle', coordinates: [0, 0] }],
  ['empty', { type: 'MultiPolygon', coordinates: [] }]
])('a geometry that is %s falls back to the box', (_, geometry) => {
  expect(footprintOf({ geometry: geometry as never, bbox: [0, 0, 1, 1] }).source).toBe('bbox');
});

test('points and lines, also across the antimeridian', () => {
  const geometry: GeoJSON.GeometryCollection = {
    type: 'GeometryCollection',
    geometries: [
      { type: 'Point', coordinates: [5, 6] },
      { type: 'LineString', coordinates: [[175, 0], [-175, 10]] }
    ]
  };
  const found = footprintOf({ geometry });
  expect(found.points).toEqual([[5, 6]]);
  expect(found.lines).toEqual([
    [[175, 0], [180, 5]],
    [[-180, 5], [-175, 10]]
  ]);
});

test('boxes of three dimensions, and what is no box', () => {
  expect(bboxOf([1, 2, 100, 3, 4, 200])).toEqual([1, 2, 3, 4]);
  expect(bboxOf([1, 2, 3])).toBeNull();
  expect(bboxOf([1, 9, 3, 4])).toBeNull();
  expect(bboxOf([1, NaN, 3, 4])).toBeNull();
  expect(splitBBox([1, 2, 3, 4])).toEqual([[1, 2, 3, 4]]);
});

test('the extent goes the shorter way around', () => {
  const at = (lon: number): Footprint => footprintOf({ geometry: { type: 'Point', coordinates: [lon, 0] } });
  expect(extentOf([at(-10), at(20)])).toEqual([-10, 0, 20, 0]);
  expect(extentOf([at(175), at(-175)])).toEqual([175, 0, -175, 0]);
  expect(extentOf([])).toBeNull();
});
