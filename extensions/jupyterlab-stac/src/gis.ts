/** JupyterGIS in this Lab: met by its command and by the path of its document, not by its packages. */

import type { JupyterFrontEnd } from '@jupyterlab/application';

import type { Gis } from './builtin';
import { ADD_GEOJSON, isGisDocument } from './model/jupytergis';

interface Opened {
  readonly context?: { readonly localPath?: unknown };
}

/** What of JupyterGIS is here now. */
export function gisOf(app: JupyterFrontEnd): Gis {
  return {
    document: () => {
      if (!app.commands.hasCommand(ADD_GEOJSON)) {
        return null;
      }
      const open = [...app.shell.widgets('main')].flatMap(widget => {
        const path = (widget as Opened).context?.localPath;
        return typeof path === 'string' && isGisDocument(path) ? [path] : [];
      });
      return open[0] ?? null;
    },
    add: async layer => {
      await app.commands.execute(ADD_GEOJSON, JSON.parse(JSON.stringify(layer)));
    }
  };
}
