/** Plugin: panels of stereo pairs and of jobs, and the action that leads to them. */

import {
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { IStateDB } from '@jupyterlab/statedb';
import { ITranslator } from '@jupyterlab/translation';
import { IStacActions, type StacItem } from 'jupyterlab-stac';

import { BoresightApi } from './api';
import { openNotebook, serverTransport, showDesktop, showOnMap, tellEnd } from './commands';
import { languageOf, translator } from './i18n';
import { jobsIcon, pairsIcon } from './icons';
import { DesktopModel } from './model/desktop';
import { JobsModel } from './model/jobs';
import { canSearch, PairsModel } from './model/pairs';
import { server } from './server/plugin';
import { JobsPanel, PairsPanel } from './widgets/panels';

const PAIRS = 'boresight-pairs';
const JOBS = 'boresight-jobs';
const LAST_SEARCH = 'jupyterlab-boresight:pairs';

const panels: JupyterFrontEndPlugin<void> = {
  id: 'jupyterlab-boresight:panels',
  description: 'Stereo pairs and jobs of a Boresight environment.',
  autoStart: true,
  optional: [IStacActions, ITranslator, ILayoutRestorer, ICommandPalette, IStateDB],
  activate: (
    app: JupyterFrontEnd,
    actions: IStacActions | null,
    lab: ITranslator | null,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null,
    state: IStateDB | null
  ) => {
    const language = languageOf(lab?.languageCode);
    const trans = translator(language);
    const api = new BoresightApi(serverTransport(app.serviceManager.serverSettings));
    const showItems = (items: readonly StacItem[]): void => {
      if (actions) {
        void showOnMap(app, actions, items);
      }
    };
    const pairs = new PairsModel(api, language, showItems);
    const jobs = new JobsModel(api);
    const hasCatalogue = actions !== null;
    const pairsPanel = new PairsPanel({ model: pairs, trans, language, hasCatalogue }, () => {
      void state?.fetch(LAST_SEARCH).then(saved => pairs.restore(saved));
    });
    const jobsPanel = new JobsPanel({
      model: jobs,
      trans,
      language,
      showOnMap: actions ? job => showItems(job.result ? [job.result.item] : []) : null,
      openNotebook: job => void openNotebook(app, job)
    });
    for (const [panel, id, label, icon, rank] of [
      [pairsPanel, PAIRS, 'Stereo pairs', pairsIcon, 700],
      [jobsPanel, JOBS, 'Jobs', jobsIcon, 701]
    ] as const) {
      panel.id = id;
      panel.title.icon = icon;
      panel.title.caption = trans(label);
      app.shell.add(panel, 'right', { rank });
      restorer?.add(panel, id);
      app.commands.addCommand(`${id}:open`, {
        label: trans(label),
        icon,
        execute: () => app.shell.activateById(id)
      });
      palette?.addItem({ command: `${id}:open`, category: 'Boresight' });
    }
    pairs.started.connect(() => {
      void jobs.refresh();
      app.shell.activateById(JOBS);
    });
    pairs.changed.connect(() => {
      if (pairs.saved && pairs.state.status === 'searching') {
        void state?.save(LAST_SEARCH, JSON.parse(JSON.stringify(pairs.saved)));
      }
    });
    jobs.ended.connect((_model, job) => tellEnd(job, trans));

    if (!actions) {
      return;
    }
    let ownApi = '';
    const desktop = new DesktopModel(api);
    void api.settings().then(
      async settings => {
        ownApi = settings.api;
        if (settings.has_desktop && (await desktop.find())) {
          offerDesktop();
        }
      },
      () => undefined // the server's part is away: the action is not offered
    );
    actions.add({
      id: 'boresight:find-pairs',
      label: trans('Find stereo pairs'),
      caption: trans('Rank the images that make a stereo pair with this one, or within this area'),
      rank: 50,
      isEnabled: context => canSearch(context, ownApi),
      execute: async context => {
        app.shell.activateById(PAIRS);
        await pairs.search(context);
      }
    });
    const offerDesktop = (): void => {
      actions.add({
        id: 'boresight:open-on-desktop',
        label: trans('Open on the desktop'),
        caption: trans('Open the image in QGIS, on the desktop of this server'),
        rank: 60,
        isEnabled: context => desktop.canOpen(context, ownApi),
        execute: async ({ items: [item] }) => {
          if (item) {
            showDesktop(await desktop.open(item), trans);
          }
        }
      });
    };
  }
};

export default [panels, server];
