/** The panel's own actions, which come the way those of others come. */

import type { Translate } from './i18n';
import type { CatalogueModel } from './model/catalogue';
import { footprintLayer, type GisLayer } from './model/jupytergis';
import { loadXarray, onLeaflet, openItems, wholeSearch, type CodeTarget } from './model/python';
import type { IStacAction } from './tokens';

/** JupyterGIS, where it is installed. */
export interface Gis {
  /** Path of the document that was used last; null while none is open. */
  document(): string | null;
  add(layer: GisLayer): Promise<void>;
}

/**
 * Actions that put code into a notebook, or footprints into a document.
 *
 * @param model Model of the panel in use; null while none is open.
 */
export function builtinActions(
  t: Translate,
  model: () => CatalogueModel | null,
  insert: (code: string) => Promise<void>,
  gis: Gis
): IStacAction[] {
  const target = (url: string): CodeTarget => ({
    url,
    code: model()?.settings?.apis.find(one => one.url === url)?.code ?? null
  });
  return [
    {
      id: 'jupyterlab-stac:open',
      label: t('Open in notebook'),
      caption: t('Insert code that opens what is selected'),
      rank: 10,
      isEnabled: ({ items }) => items.length > 0,
      execute: ({ apiUrl, items }) => insert(openItems(target(apiUrl), items))
    },
    {
      id: 'jupyterlab-stac:load',
      label: t('Load as xarray'),
      caption: t('Insert code that loads what is selected as xarray'),
      rank: 20,
      isEnabled: ({ items }) => items.length > 0,
      execute: ({ apiUrl, items }) => insert(loadXarray(target(apiUrl), items))
    },
    {
      id: 'jupyterlab-stac:leaflet',
      label: t('Add to a map'),
      caption: t('Insert code that puts footprints onto an ipyleaflet map'),
      rank: 30,
      isEnabled: ({ items }) => items.some(item => item.geometry),
      execute: ({ items }) => insert(onLeaflet(items))
    },
    {
      id: 'jupyterlab-stac:jupytergis',
      label: t('Add to JupyterGIS'),
      caption: t('Put footprints into the JupyterGIS document that is open'),
      rank: 35,
      isEnabled: ({ items }) => gis.document() !== null && items.some(item => item.geometry),
      execute: async ({ items }) => {
        const path = gis.document();
        if (path !== null) {
          await gis.add(footprintLayer(path, items));
        }
      }
    },
    {
      id: 'jupyterlab-stac:search',
      label: t('Search in notebook'),
      caption: t('Insert code that does the whole search'),
      rank: 40,
      isEnabled: ({ items }) => items.length === 0 && model()?.can !== null,
      execute: async ({ apiUrl }) => {
        const { search, can } = model() ?? {};
        if (search && can) {
          await insert(wholeSearch(target(apiUrl), search, can));
        }
      }
    }
  ];
}
