/** Values in words and units for people; language by `Intl`, words by the caller's dictionary. */

import type { StacItem } from '../stac';
import type { Translate } from '../i18n';

export interface Row {
  readonly key: string;
  readonly label: string;
  readonly value: string;
}

interface Field {
  readonly label: string;
  readonly unit?: string;
  readonly digits?: number;
}

/** Fields that have a name for people; in the order in which they are shown. */
const FIELDS: Readonly<Record<string, Field>> = {
  datetime: { label: 'Acquired' },
  start_datetime: { label: 'Begin' },
  end_datetime: { label: 'End' },
  constellation: { label: 'Constellation' },
  platform: { label: 'Platform' },
  instruments: { label: 'Instruments' },
  gsd: { label: 'Ground distance of pixels', unit: 'm', digits: 2 },
  'eo:cloud_cover': { label: 'Cloud cover', unit: '%', digits: 1 },
  'eo:snow_cover': { label: 'Snow cover', unit: '%', digits: 1 },
  'view:incidence_angle': { label: 'Incidence angle', unit: '°', digits: 2 },
  'view:off_nadir': { label: 'Off-nadir angle', unit: '°', digits: 2 },
  'view:azimuth': { label: 'Azimuth of the sensor', unit: '°', digits: 2 },
  'view:sun_elevation': { label: 'Sun elevation', unit: '°', digits: 2 },
  'view:sun_azimuth': { label: 'Sun azimuth', unit: '°', digits: 2 },
  'sat:orbit_state': { label: 'Orbit direction' },
  'sat:relative_orbit': { label: 'Relative orbit' },
  'sat:absolute_orbit': { label: 'Absolute orbit' },
  'proj:code': { label: 'Projection' },
  'proj:epsg': { label: 'EPSG code' },
  'proj:shape': { label: 'Rows and columns', unit: 'px' },
  'processing:level': { label: 'Processing level' },
  created: { label: 'Created' },
  updated: { label: 'Updated' },
  license: { label: 'Licence' }
};

/** Properties of an item as rows: the well-known ones first, then the others by name. */
export function rowsOf(item: StacItem, t: Translate, language: string): Row[] {
  const known = Object.keys(FIELDS).filter(key => item.properties[key] != null);
  const others = Object.keys(item.properties)
    .filter(key => !(key in FIELDS) && item.properties[key] != null)
    .filter(key => !['title', 'description'].includes(key))
    .sort();
  return [...known, ...others].map(key => ({
    key,
    label: FIELDS[key] ? t(FIELDS[key].label) : key,
    value: valueOf(key, item.properties[key], language)
  }));
}

/** Labels that stand in `FIELDS`, for the test of translations. */
export const FIELD_LABELS = Object.values(FIELDS).map(field => field.label);

const MAX_LENGTH = 400;

function valueOf(key: string, value: unknown, language: string): string {
  const field = FIELDS[key];
  if (typeof value === 'number') {
    // codes and orbits are no quantities
    const plain = !field?.unit && Number.isInteger(value);
    const text = plain
      ? String(value)
      : number(value, language, field?.digits ?? guessedDigits(value));
    return text + unitOf(field?.unit ?? unitOfKey(key));
  }
  if (typeof value === 'string') {
    return /^\d{4}-\d\d-\d\dT/.test(value) ? instant(value, language) : value.slice(0, MAX_LENGTH);
  }
  if (Array.isArray(value) && value.every(one => typeof one !== 'object')) {
    const sign = key === 'proj:shape' ? ' × ' : ', ';
    return value.join(sign).slice(0, MAX_LENGTH) + unitOf(field?.unit);
  }
  return typeof value === 'boolean'
    ? String(value)
    : (JSON.stringify(value) ?? '').slice(0, MAX_LENGTH);
}

function unitOf(unit: string | undefined): string {
  return unit === undefined ? '' : unit === '°' ? unit : `\u00a0${unit}`;
}

function unitOfKey(key: string): string | undefined {
  if (/(_deg|_angle|azimuth|elevation_angle)$/.test(key)) {
    return '°';
  }
  return /_(m|km|s|px|nm)$/.exec(key)?.[1];
}

function guessedDigits(value: number): number {
  return Math.abs(value) >= 100 ? 1 : 4;
}

export function number(value: number, language: string, digits: number): string {
  if (value !== 0 && Math.abs(value) < 10 ** -digits) {
    return value.toPrecision(3);
  }
  return new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value);
}

/** An instant in UTC, to the second; what is no instant as it stands. */
export function instant(iso: string, language: string): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) {
    return iso.slice(0, 60);
  }
  const shown = new Intl.DateTimeFormat(language, {
    timeZone: 'UTC',
    dateStyle: 'medium',
    timeStyle: 'medium',
    hourCycle: 'h23'
  }).format(date);
  return `${shown} UTC`;
}

/** Day of an item, or its interval; empty when it tells none. */
export function dayOf(item: StacItem): string {
  const { datetime, start_datetime: begin, end_datetime: end } = item.properties;
  const day = (value: unknown): string => (typeof value === 'string' ? value.slice(0, 10) : '');
  return day(datetime) || [day(begin), day(end)].filter(Boolean).join(' – ');
}

/** Size in units of 1024 bytes. */
export function bytes(size: number, language: string): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let rest = size;
  let i = 0;
  while (rest >= 1024 && i < units.length - 1) {
    rest /= 1024;
    i++;
  }
  return `${number(rest, language, rest < 10 && i ? 1 : 0)}\u00a0${units[i]}`;
}

/** How long something still holds, rounded down: never more than is true. */
export function duration(seconds: number, t: Translate): string {
  if (seconds < 60) {
    return t('%1 s', Math.floor(seconds));
  }
  if (seconds < 3600) {
    return t('%1 min', Math.floor(seconds / 60));
  }
  if (seconds < 86400) {
    const minutes = Math.floor((seconds % 3600) / 60);
    return t('%1 h %2 min', Math.floor(seconds / 3600), minutes);
  }
  return t('%1 days', Math.floor(seconds / 86400));
}

const TYPES: readonly (readonly [RegExp, string])[] = [
  [/cloud-optimized/, 'Cloud-optimised GeoTIFF'],
  [/geotiff|image\/tiff/, 'GeoTIFF'],
  [/image\/jp2/, 'JPEG 2000'],
  [/image\/png/, 'PNG'],
  [/image\/jpe?g/, 'JPEG'],
  [/geo\+json/, 'GeoJSON'],
  [/json/, 'JSON'],
  [/xml/, 'XML'],
  [/text\/html/, 'HTML'],
  [/zarr/, 'Zarr'],
  [/netcdf/, 'NetCDF'],
  [/parquet/, 'Parquet'],
  [/las|laz|copc/, 'LAS'],
  [/zip/, 'ZIP'],
  [/pdf/, 'PDF'],
  [/text\/plain/, 'Text']
];

/** Name of a media type for people; of a file without one, by its suffix. */
export function mediaName(type: string | undefined, href: string): string {
  const found = type && TYPES.find(([pattern]) => pattern.test(type));
  if (found) {
    return found[1];
  }
  const suffix = /\.([A-Za-z0-9]{1,8})(?:[?#]|$)/.exec(href)?.[1];
  return type?.slice(0, 60) || (suffix ? suffix.toUpperCase() : '');
}

/** Size of an asset by the file extension [bytes]; null when it is not told. */
export function sizeOf(asset: Readonly<Record<string, unknown>>): number | null {
  const size = asset['file:size'];
  return typeof size === 'number' && size >= 0 ? size : null;
}
