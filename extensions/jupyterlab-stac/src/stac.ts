/** Shapes of STAC that are used here; whatever else an API sends is kept and not looked at. */

/** West, south, east, north [deg]; west > east across the antimeridian. */
export type BBox = readonly [number, number, number, number];

export interface StacLink {
  readonly rel: string;
  readonly href: string;
  readonly type?: string;
  readonly title?: string;
  readonly method?: string;
  readonly body?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly merge?: boolean;
}

export interface StacAsset {
  readonly href: string;
  readonly title?: string;
  readonly description?: string;
  readonly type?: string;
  readonly roles?: readonly string[];
  readonly [field: string]: unknown;
}

export interface StacItem {
  readonly type: 'Feature';
  readonly stac_version?: string;
  readonly id: string;
  readonly collection?: string;
  readonly geometry: GeoJSON.Geometry | null;
  readonly bbox?: readonly number[];
  readonly properties: Readonly<Record<string, unknown>>;
  readonly assets: Readonly<Record<string, StacAsset>>;
  readonly links: readonly StacLink[];
}

export interface StacCollection {
  readonly id: string;
  readonly title?: string;
  readonly description?: string;
  readonly keywords?: readonly string[];
  readonly extent?: {
    readonly spatial?: { readonly bbox?: readonly (readonly number[])[] };
    readonly temporal?: { readonly interval?: readonly (readonly (string | null)[])[] };
  };
  readonly links: readonly StacLink[];
}

/** Root of an API. */
export interface StacRoot {
  readonly id?: string;
  readonly title?: string;
  readonly conformsTo?: readonly string[];
  readonly links: readonly StacLink[];
}

/** A page of a search's answer. */
export interface StacPage {
  readonly type: 'FeatureCollection';
  readonly features: readonly StacItem[];
  readonly links?: readonly StacLink[];
  readonly numberMatched?: number;
  readonly context?: { readonly matched?: number };
}
