/** Plugin: notices of the server, and its meters in the status bar. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { type ISessionContext, Notification } from '@jupyterlab/apputils';
import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import { IStatusBar, showPopup } from '@jupyterlab/statusbar';
import { ITranslator } from '@jupyterlab/translation';
import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import React from 'react';

import type { Transport } from '../api';
import { languageOf, translator, type Translate } from '../i18n';
import { ServerApi } from './api';
import { ServerModel } from './model';
import type { Notice, NoticeAction } from './notices';
import { SeenNotices } from './seen';
import { biggestVariables } from './variables';
import { HomeDetails, HomeMeter, MemoryDetails, MemoryMeter } from './views';

class Shown extends ReactWidget {
  constructor(
    private readonly model: ServerModel,
    private readonly draw: () => JSX.Element | null
  ) {
    super();
  }

  protected render(): JSX.Element {
    return <UseSignal signal={this.model.changed}>{() => this.draw()}</UseSignal>;
  }
}

/** Kernel of what is in front, if it has one. */
function kernelOf(app: JupyterFrontEnd) {
  const widget = app.shell.currentWidget as { sessionContext?: ISessionContext } | null;
  return widget?.sessionContext?.session?.kernel ?? null;
}

/** Show notices as Lab does, and take away those that have passed. */
class Board {
  constructor(
    private readonly app: JupyterFrontEnd,
    private readonly model: ServerModel,
    private readonly trans: Translate
  ) {
    model.changed.connect(() => this.show());
    Notification.manager.changed.connect((_manager, change) => {
      const closed = [...this.shown].find(([, one]) => one.id === change.notification.id);
      if (change.type === 'removed' && closed) {
        this.shown.delete(closed[0]);
        this.model.close(closed[1].notice);
      }
    });
  }

  private show(): void {
    const wanted = new Map(this.model.notices.map(one => [one.key, one]));
    for (const [key, one] of [...this.shown]) {
      const now = wanted.get(key);
      if ((!now && one.notice.passes) || (now && now.text !== one.notice.text)) {
        this.shown.delete(key);
        Notification.dismiss(one.id);
      }
    }
    for (const [key, notice] of wanted) {
      if (!this.shown.has(key)) {
        const options = { autoClose: false as const, actions: this.actionsOf(notice) };
        this.shown.set(key, { id: Notification.emit(notice.text, notice.level, options), notice });
      }
    }
  }

  private actionsOf(notice: Notice): Notification.IAction[] {
    const labels: Record<NoticeAction, string> = {
      here: this.trans('I am here'),
      keep: this.trans('Keep it for some hours'),
      files: this.trans('Show my files')
    };
    return notice.actions.map(action => ({
      label: labels[action],
      callback: () => void this.act(action)
    }));
  }

  private async act(action: NoticeAction): Promise<void> {
    try {
      if (action === 'files') {
        await this.app.commands.execute('filebrowser:activate');
      } else {
        await this.model[action]();
      }
    } catch (problem) {
      Notification.error(problem instanceof Error ? problem.message : String(problem));
    }
  }

  private readonly shown = new Map<string, { id: string; notice: Notice }>();
}

function transportOf(settings: ServerConnection.ISettings): Transport {
  return (path, init) =>
    ServerConnection.makeRequest(URLExt.join(settings.baseUrl, 'boresight', path), init, settings);
}

export const server: JupyterFrontEndPlugin<void> = {
  id: 'jupyterlab-boresight:server',
  description: 'Notices of the server, and meters of its memory and home.',
  autoStart: true,
  optional: [ITranslator, IStatusBar],
  activate: (app: JupyterFrontEnd, lab: ITranslator | null, bar: IStatusBar | null) => {
    const language = languageOf(lab?.languageCode);
    const trans = translator(language);
    const api = new ServerApi(transportOf(app.serviceManager.serverSettings));
    const model = new ServerModel(api, trans, language, new SeenNotices(window.localStorage));
    new Board(app, model, trans);
    if (bar) {
      const words = { trans, language };
      const popup = (anchor: Shown, draw: () => JSX.Element | null) =>
        showPopup({ body: new Shown(model, draw), anchor, align: 'right' });
      const memory: Shown = new Shown(
        model,
        () =>
          model.memory && (
            <MemoryMeter
              {...words}
              memory={model.memory}
              onOpen={() => {
                const kernel = kernelOf(app);
                void model.look('memory');
                popup(
                  memory,
                  () =>
                    model.memory && (
                      <MemoryDetails
                        {...words}
                        memory={model.memory}
                        kernelId={kernel?.id ?? ''}
                        isBusy={kernel?.status === 'busy'}
                        ask={() => (kernel ? biggestVariables(kernel) : Promise.resolve(null))}
                      />
                    )
                );
              }}
            />
          )
      );
      const home: Shown = new Shown(
        model,
        () =>
          model.home && (
            <HomeMeter
              {...words}
              home={model.home}
              onOpen={() =>
                popup(home, () => model.home && <HomeDetails {...words} home={model.home} />)
              }
            />
          )
      );
      bar.registerStatusItem('jupyterlab-boresight:memory', {
        item: memory,
        align: 'right',
        rank: 900
      });
      bar.registerStatusItem('jupyterlab-boresight:home', { item: home, align: 'right', rank: 901 });
    }
    void app.restored.then(() => model.watch());
  }
};
