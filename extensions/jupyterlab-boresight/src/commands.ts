/** What the panels do in Lab. */

import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import type { Job, Transport } from './api';
import type { Translate } from './i18n';
import { notebookName, notebookOf } from './model/notebook';

/** The server this page is from. */
export function serverTransport(settings: ServerConnection.ISettings): Transport {
  return (path, init) =>
    ServerConnection.makeRequest(
      URLExt.join(settings.baseUrl, 'jupyterlab-boresight', path),
      init,
      settings
    );
}

/** Tell the end of a job. */
export function tellEnd(job: Job, trans: Translate): void {
  Notification.emit(
    trans('The job of %1 is %2.', job.request.left.id, trans(job.state)),
    job.state === 'done' ? 'success' : job.state === 'cancelled' ? 'info' : 'error',
    { autoClose: 8000 }
  );
}

/** Open the notebook of a result; it is made unless it is there. */
export async function openNotebook(app: JupyterFrontEnd, job: Job): Promise<void> {
  if (!job.result) {
    return;
  }
  const { collection, item_id } = job.result;
  const path = notebookName(item_id);
  const contents = app.serviceManager.contents;
  try {
    await contents.get(path, { content: false });
  } catch {
    await contents.save(path, {
      type: 'notebook',
      format: 'json',
      content: notebookOf(collection, item_id)
    });
  }
  await app.commands.execute('docmanager:open', { path });
}
