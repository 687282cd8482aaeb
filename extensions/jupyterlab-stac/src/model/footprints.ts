/**
 * Footprints for a map of longitude and latitude: split where they cross the antimeridian, closed
 * over a pole where they enclose one (RFC 7946, section 3.1.9).
 */

import type { BBox, StacItem } from '../stac';

export type Position = readonly [number, number];
export type Ring = readonly Position[];

export interface Footprint {
  /** Polygons, each with its holes; within -180 to 180 [deg]. */
  readonly polygons: readonly (readonly Ring[])[];
  readonly lines: readonly Ring[];
  readonly points: readonly Position[];
  /** What it was made of. */
  readonly source: 'geometry' | 'bbox' | 'none';
}

const NOTHING: Footprint = { polygons: [], lines: [], points: [], source: 'none' };

/** Footprint of an item; of its box when it has no geometry; empty when it has neither. */
export function footprintOf(item: Pick<StacItem, 'geometry' | 'bbox'>): Footprint {
  if (item.geometry) {
    const found = ofGeometry(item.geometry);
    if (found.polygons.length + found.lines.length + found.points.length) {
      return { ...found, source: 'geometry' };
    }
  }
  const box = bboxOf(item.bbox);
  return box
    ? { ...NOTHING, polygons: splitBBox(box).map(one => [ringOf(one)]), source: 'bbox' }
    : NOTHING;
}

/** Box of two or three dimensions; null when it is none. */
export function bboxOf(bbox: readonly number[] | undefined): BBox | null {
  if (!bbox || ![4, 6].includes(bbox.length) || !bbox.every(Number.isFinite)) {
    return null;
  }
  const half = bbox.length / 2;
  const [west, south] = bbox as [number, number];
  const [east, north] = [bbox[half]!, bbox[half + 1]!];
  return south <= north ? [west, south, east, north] : null;
}

/** One box, or the two of one that crosses the antimeridian. */
export function splitBBox([west, south, east, north]: BBox): BBox[] {
  if (west <= east) {
    return [[west, south, east, north]];
  }
  return [
    [west, south, 180, north],
    [-180, south, east, north]
  ];
}

/** Box around footprints; of the two ways around the globe the shorter one. */
export function extentOf(footprints: readonly Footprint[]): BBox | null {
  let south = Infinity;
  let north = -Infinity;
  const spans: [number, number][] = [];
  for (const footprint of footprints) {
    const parts = [
      ...footprint.polygons.map(rings => rings[0] ?? []),
      ...footprint.lines,
      ...footprint.points.map(point => [point])
    ];
    for (const part of parts) {
      const lons = part.map(([lon]) => lon);
      for (const [, lat] of part) {
        south = Math.min(south, lat);
        north = Math.max(north, lat);
      }
      if (lons.length) {
        spans.push([Math.min(...lons), Math.max(...lons)]);
      }
    }
  }
  if (!spans.length) {
    return null;
  }
  // the widest gap between spans, going east, is what the box leaves out
  spans.sort((a, b) => a[0] - b[0]);
  let end = spans[0]![1];
  let gap = 0;
  let west = spans[0]![0];
  let east = end;
  for (const [from, to] of spans) {
    if (from - end > gap) {
      [gap, west, east] = [from - end, from, end];
    }
    end = Math.max(end, to);
  }
  const around = spans[0]![0] + 360 - end;
  if (around >= gap) {
    [west, east] = [spans[0]![0], end];
  }
  return [west, south, east, north];
}

function ofGeometry(geometry: GeoJSON.Geometry): Omit<Footprint, 'source'> {
  const polygons: Ring[][] = [];
  const lines: Ring[] = [];
  const points: Position[] = [];
  const take = (one: GeoJSON.Geometry | null): void => {
    switch (one?.type) {
      case 'Polygon':
        polygons.push(...splitPolygon(asRings(one.coordinates)));
        break;
      case 'MultiPolygon':
        asArray(one.coordinates).forEach(rings => polygons.push(...splitPolygon(asRings(rings))));
        break;
      case 'LineString':
        lines.push(...splitLine(asRing(one.coordinates)));
        break;
      case 'MultiLineString':
        asArray(one.coordinates).forEach(line => lines.push(...splitLine(asRing(line))));
        break;
      case 'Point':
        points.push(...asRing([one.coordinates]));
        break;
      case 'MultiPoint':
        points.push(...asRing(one.coordinates));
        break;
      case 'GeometryCollection':
        asArray(one.geometries).forEach(take);
        break;
    }
  };
  take(geometry);
  return { polygons, lines, points };
}

function asArray<T>(value: readonly T[] | undefined): readonly T[] {
  return Array.isArray(value) ? value : [];
}

function asRing(raw: unknown): Ring {
  const found: Position[] = [];
  for (const one of asArray(raw as unknown[])) {
    const [lon, lat] = asArray(one as number[]);
    if (Number.isFinite(lon) && Number.isFinite(lat)) {
      found.push([lon!, Math.max(-90, Math.min(90, lat!))]);
    }
  }
  return found;
}

function asRings(raw: unknown): Ring[] {
  return asArray(raw as unknown[])
    .map(asRing)
    .filter(ring => ring.length >= 3);
}

/** Longitudes without jumps: each within 180 of the one before. */
function unwrapped(ring: Ring): Position[] {
  const found: Position[] = [];
  let shift = 0;
  ring.forEach(([lon, lat], i) => {
    const before = ring[i - 1];
    if (before) {
      const step = lon - before[0];
      shift -= step > 180 ? 360 : step < -180 ? -360 : 0;
    }
    found.push([lon + shift, lat]);
  });
  return found;
}

function splitPolygon(rings: readonly Ring[]): Ring[][] {
  const [outer, ...holes] = rings;
  if (!outer) {
    return [];
  }
  const whole = closedOverPole(unwrapped(outer));
  const lons = whole.map(([lon]) => lon);
  const [from, to] = worlds(lons);
  const pieces: Ring[][] = [];
  for (let world = from; world <= to; world++) {
    const outline = clipped(whole, world);
    if (outline.length >= 4) {
      const inside = holes
        .map(hole => clipped(besideOf(unwrapped(hole), lons), world))
        .filter(hole => hole.length >= 4);
      pieces.push([outline, ...inside]);
    }
  }
  return pieces;
}

/** A hole is unwrapped by itself and may have landed a turn away from its polygon. */
function besideOf(hole: readonly Position[], lons: readonly number[]): Position[] {
  const low = Math.min(...lons);
  const high = Math.max(...lons);
  const isBeside = (turn: number): boolean =>
    hole.every(([lon]) => lon + 360 * turn >= low - 1e-9 && lon + 360 * turn <= high + 1e-9);
  const turn = [0, 1, -1].find(isBeside) ?? 0;
  return hole.map(([lon, lat]): Position => [lon + 360 * turn, lat]);
}

/** Ranges of the globe's turns that longitudes fall into. */
function worlds(lons: readonly number[]): [number, number] {
  const low = Math.min(...lons);
  const high = Math.max(...lons);
  const from = Math.floor((low + 180) / 360);
  // 180 itself belongs to the turn before
  return [from, Math.max(from, Math.ceil((high + 180) / 360) - 1)];
}

/** A ring that goes once around the globe encloses a pole: led along its edge on the map. */
function closedOverPole(ring: readonly Position[]): Position[] {
  const first = ring[0]!;
  const last = ring[ring.length - 1]!;
  const jump = first[0] - last[0];
  const around = Math.abs(last[0] - first[0]) > 180 || Math.abs(jump) > 180;
  const closed = [...ring];
  if (!around) {
    if (first[0] !== last[0] || first[1] !== last[1]) {
      closed.push(first);
    }
    return closed;
  }
  const middle = ring.reduce((sum, [, lat]) => sum + lat, 0) / ring.length;
  const pole = middle >= 0 ? 90 : -90;
  const turn = Math.sign(last[0] - first[0]) * 360;
  const end: Position = [first[0] + turn, first[1]];
  closed.push(end, [end[0], pole], [first[0], pole], first);
  return closed;
}

/** Part of a closed ring within one turn, moved to -180..180 (Sutherland and Hodgman, 1974). */
function clipped(ring: readonly Position[], world: number): Ring {
  const west = -180 + 360 * world;
  const right = cut(ring, west, 1);
  const both = cut(right, west + 360, -1);
  const moved = both.map(([lon, lat]): Position => [lon - 360 * world, lat]);
  const first = moved[0];
  const last = moved[moved.length - 1];
  if (first && last && (first[0] !== last[0] || first[1] !== last[1])) {
    moved.push(first);
  }
  return new Set(moved.map(([lon]) => lon)).size > 1 ? moved : [];
}

function cut(ring: readonly Position[], at: number, side: 1 | -1): Position[] {
  const found: Position[] = [];
  const isIn = ([lon]: Position): boolean => (lon - at) * side >= 0;
  ring.forEach((point, i) => {
    const before = ring[i - 1];
    if (before && isIn(before) !== isIn(point)) {
      const part = (at - before[0]) / (point[0] - before[0]);
      found.push([at, before[1] + part * (point[1] - before[1])]);
    }
    if (isIn(point)) {
      found.push(point);
    }
  });
  return found;
}

function splitLine(line: Ring): Ring[] {
  const whole = unwrapped(line);
  if (whole.length < 2) {
    return [];
  }
  const [from, to] = worlds(whole.map(([lon]) => lon));
  const pieces: Ring[] = [];
  for (let world = from; world <= to; world++) {
    const west = -180 + 360 * world;
    const part = cut(cut(whole, west, 1), west + 360, -1);
    if (part.length > 1) {
      pieces.push(part.map(([lon, lat]): Position => [lon - 360 * world, lat]));
    }
  }
  return pieces;
}

function ringOf([west, south, east, north]: BBox): Ring {
  return [
    [west, south],
    [east, south],
    [east, north],
    [west, north],
    [west, south]
  ];
}
