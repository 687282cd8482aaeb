/** Footprints for a document of JupyterGIS, by the command that it offers for that. */

import type { StacItem } from '../stac';

/** Of JupyterGIS 0.12 and later. */
export const ADD_GEOJSON = 'jupytergis:newGeoJSONWithParams';

export interface GisLayer {
  /** Of the document, on its drive. */
  readonly filePath: string;
  readonly name: string;
  readonly parameters: {
    readonly source: { readonly data: GeoJSON.FeatureCollection<GeoJSON.Geometry | null> };
    readonly opacity: number;
    readonly symbologyState: { readonly renderType: string };
  };
}

/** Whether a path is that of a JupyterGIS document. */
export function isGisDocument(path: string): boolean {
  return /\.jgis$/i.test(path);
}

/** Footprints of items as a layer of a document. */
export function footprintLayer(filePath: string, items: readonly StacItem[]): GisLayer {
  const shown = items.filter(item => item.geometry !== null);
  const [first] = shown;
  return {
    filePath,
    name: shown.length === 1 && first ? first.id : `${shown.length} STAC`,
    parameters: {
      source: {
        data: {
          type: 'FeatureCollection',
          features: shown.map(item => ({
            type: 'Feature',
            geometry: item.geometry,
            properties: {
              id: item.id,
              collection: item.collection ?? '',
              datetime: item.properties['datetime'] ?? null
            }
          }))
        }
      },
      opacity: 1,
      symbologyState: { renderType: 'Single Symbol' }
    }
  };
}
