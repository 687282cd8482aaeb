/** What the panels do in Lab. */

import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import type { IStacActions, StacItem } from 'jupyterlab-stac';

import type { Job, Transport } from './api';
import type { Translate } from './i18n';
import { notebookName, notebookOf } from './model/notebook';

const OPEN_CATALOGUE = 'jupyterlab-stac:open';
const DESKTOP_TAB = 'boresight-desktop';
const MAP_WITHIN_MS = 15_000;
const LOOK_MS = 100;
/** How long nothing changes before the panel counts as ready. */
const STILL_MS = 700;

/** The server this page is from. */
export function serverTransport(settings: ServerConnection.ISettings): Transport {
  return (path, init) =>
    ServerConnection.makeRequest(URLExt.join(settings.baseUrl, path), init, settings);
}

/** Tell the end of a job. */
export function tellEnd(job: Job, trans: Translate): void {
  Notification.emit(
    trans('The job of %1 is %2.', job.request.left.id, trans(job.state)),
    job.state === 'done' ? 'success' : job.state === 'cancelled' ? 'info' : 'error',
    { autoClose: 8000 }
  );
}

/** Show the desktop in a tab of its own; where the browser forbids that, by a click. */
export function showDesktop(url: string, trans: Translate): void {
  const show = (): boolean => window.open(url, DESKTOP_TAB) !== null;
  if (!show()) {
    Notification.info(trans('It is open on the desktop.'), {
      autoClose: false,
      actions: [{ label: trans('Show the desktop'), callback: () => void show() }]
    });
  }
}

/** Open the notebook of a result; it is made unless it is there. */
export async function openNotebook(app: JupyterFrontEnd, job: Job): Promise<void> {
  if (!job.result) {
    return;
  }
  const { collection, item_id } = job.result;
  const path = notebookName(item_id);
  const contents = app.serviceManager.contents;
  const folder = (await contents.get('', { content: true })).content as { name: string }[];
  if (!folder.some(one => one.name === path)) {
    await contents.save(path, {
      type: 'notebook',
      format: 'json',
      content: notebookOf(collection, item_id)
    });
  }
  await app.commands.execute('docmanager:open', { path });
}

/** Put items onto the catalogue's map; its panel is opened. */
export async function showOnMap(
  app: JupyterFrontEnd,
  actions: IStacActions,
  items: readonly StacItem[]
): Promise<void> {
  await app.commands.execute(OPEN_CATALOGUE);
  await settled(actions);
  actions.context?.show(items);
}

/** Wait until the catalogue's panel has its API, and has found again what it showed before. */
async function settled(actions: IStacActions): Promise<void> {
  const until = Date.now() + MAP_WITHIN_MS;
  let last = actions.context;
  let since = Date.now();
  while (Date.now() < until) {
    await new Promise(resolve => setTimeout(resolve, LOOK_MS));
    if (actions.context !== last) {
      // every change of the panel brings a context of its own
      last = actions.context;
      since = Date.now();
    } else if (last?.apiUrl && Date.now() - since >= STILL_MS) {
      return;
    }
  }
}
