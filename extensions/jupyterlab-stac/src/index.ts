/** Plugins: the register of actions, and the panel, which is loaded when it is opened. */

import {
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { Clipboard, ICommandPalette, IThemeManager, MainAreaWidget, Notification, WidgetTracker } from '@jupyterlab/apputils';
import { URLExt } from '@jupyterlab/coreutils';
import { ILauncher } from '@jupyterlab/launcher';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ServerConnection } from '@jupyterlab/services';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStateDB } from '@jupyterlab/statedb';
import { ITranslator } from '@jupyterlab/translation';
import { searchIcon } from '@jupyterlab/ui-components';
import type { ReadonlyPartialJSONValue } from '@lumino/coreutils';

import { StacActions } from './actions';
import type { Transport } from './api';
import { builtinActions } from './builtin';
import { gisOf } from './gis';
import { languageOf, translator, type Translate } from './i18n';
import type { CatalogueModel, SavedState } from './model/catalogue';
import { NotebookWriter } from './notebooks';
import { IStacActions, type IStacContext } from './tokens';
import type { CataloguePanel } from './widgets/panel';

export { IStacActions } from './tokens';
export type { IStacAction, IStacContext } from './tokens';

const OPEN = 'jupyterlab-stac:open';
const PLUGIN = 'jupyterlab-stac:plugin';
const STATE = 'jupyterlab-stac:state';
// of layouts; what stands before a colon is all that is looked for
const TRACKED = 'jupyterlab-stac-panel';
const SAVE_MS = 400;

const actions: JupyterFrontEndPlugin<IStacActions> = {
  id: 'jupyterlab-stac:actions',
  description: 'Register of actions on STAC items.',
  autoStart: true,
  provides: IStacActions,
  activate: () => new StacActions()
};

const panel: JupyterFrontEndPlugin<void> = {
  id: PLUGIN,
  description: 'STAC catalogues in a tab.',
  autoStart: true,
  requires: [IStacActions],
  optional: [
    ICommandPalette,
    ILauncher,
    ILayoutRestorer,
    INotebookTracker,
    ISettingRegistry,
    IStateDB,
    ITranslator,
    IThemeManager
  ],
  activate: (
    app: JupyterFrontEnd,
    register: IStacActions,
    palette: ICommandPalette | null,
    launcher: ILauncher | null,
    restorer: ILayoutRestorer | null,
    notebooks: INotebookTracker | null,
    settings: ISettingRegistry | null,
    state: IStateDB | null,
    labTranslator: ITranslator | null,
    themes: IThemeManager | null
  ) => {
    const writer = new NotebookWriter(app, notebooks);
    const tracker = new WidgetTracker<MainAreaWidget<CataloguePanel>>({ namespace: TRACKED });
    const t: Translate = translator(languageOf(labTranslator?.languageCode));
    let opened: CatalogueModel | null = null;
    let making: Promise<MainAreaWidget<CataloguePanel>> | null = null;

    app.commands.addCommand(OPEN, {
      label: t('STAC catalogue'),
      caption: t('Search STAC catalogues'),
      icon: args => (args['isPalette'] ? undefined : searchIcon),
      describedBy: { args: { type: 'object', properties: {} } },
      execute: async () => {
        const there = tracker.find(() => true);
        if (there) {
          app.shell.activateById(there.id);
          return there;
        }
        // two clicks before the panel's part has been loaded are one tab
        making ??= create().finally(() => {
          making = null;
        });
        const made = await making;
        if (!made.isAttached) {
          app.shell.add(made, 'main');
        }
        app.shell.activateById(made.id);
        return made;
      }
    });
    palette?.addItem({ command: OPEN, category: t('Data'), args: { isPalette: true } });
    launcher?.add({ command: OPEN, category: t('Other'), rank: 5 });
    void restorer?.restore(tracker, { command: OPEN, name: () => 'panel' });

    const create = async (): Promise<MainAreaWidget<CataloguePanel>> => {
      const [{ CataloguePanel }, { CatalogueModel }, { PanelApi }] = await Promise.all([
        import('./widgets/panel'),
        import('./model/catalogue'),
        import('./api')
      ]);
      const { language, pageSize } = await preferences(settings);
      const code =
        language === 'auto' ? languageOf(labTranslator?.languageCode) : languageOf(language);
      const words = translator(code);
      const model = new CatalogueModel(new PanelApi(transport(app)));
      opened = model;
      const contextOf = (items: IStacContext['items']): IStacContext => ({
        apiUrl: model.entry?.url ?? '',
        items,
        bbox: model.search.bbox,
        area: model.search.area,
        show: shown => model.show(shown)
      });
      const insert = (code: string): Promise<void> => writer.insert(code);
      const own = builtinActions(words, () => opened, insert, gisOf(app)).map(action =>
        register.add(action)
      );
      const content = new CataloguePanel({
        model,
        t: words,
        language: code,
        actions: register,
        contextOf,
        dragCode: (code, label, x, y) => writer.drag(code, label, x, y),
        codeOf: items => own.length && model.entry ? openCode(model, items) : '',
        copy: async text => copied(text),
        folder: () => folderOf(app),
        say: text => {
          Notification.info(text, { autoClose: 3000 });
        }
      });
      const { openItems } = await import('./model/python');
      function openCode(of: CatalogueModel, items: IStacContext['items']): string {
        return openItems({ url: of.entry?.url ?? '', code: of.entry?.code ?? null }, items);
      }
      const widget = new MainAreaWidget({ content });
      widget.id = 'jupyterlab-stac';
      widget.title.label = words('STAC catalogue');
      widget.title.icon = searchIcon;
      widget.title.closable = true;
      themes?.themeChanged.connect(content.recolour, content);
      model.changed.connect(() => {
        if (register instanceof StacActions) {
          register.context = contextOf(model.chosen);
        }
      });
      // documents that actions put something into come and go
      const again = (): void => {
        if (register instanceof StacActions) {
          register.again();
        }
      };
      app.shell.currentChanged?.connect(again);
      const keep = saver(state, model);
      widget.disposed.connect(() => {
        keep.dispose();
        app.shell.currentChanged?.disconnect(again);
        own.forEach(action => action.dispose());
        opened = null;
        if (register instanceof StacActions) {
          register.context = null;
        }
      });
      void tracker.add(widget);
      const saved = (await state?.fetch(STATE)) as unknown as Partial<SavedState> | undefined;
      void model.start(saved ?? null, pageSize);
      return widget;
    };
  }
};

async function preferences(
  settings: ISettingRegistry | null
): Promise<{ language: string; pageSize: number }> {
  try {
    const held = await settings?.load(PLUGIN);
    return {
      language: (held?.get('language').composite as string | undefined) ?? 'auto',
      pageSize: (held?.get('pageSize').composite as number | undefined) ?? 50
    };
  } catch {
    return { language: 'auto', pageSize: 50 };
  }
}

function transport(app: JupyterFrontEnd): Transport {
  const settings = app.serviceManager.serverSettings;
  return (path, init) =>
    ServerConnection.makeRequest(
      URLExt.join(settings.baseUrl, 'jupyterlab-stac') + `/${path}`,
      init,
      settings
    );
}

function saver(state: IStateDB | null, model: CatalogueModel): { dispose(): void } {
  let timer = 0;
  const save = (): void => {
    window.clearTimeout(timer);
    // not before the state of last time has been taken
    if (model.entry) {
      timer = window.setTimeout(() => {
        const held = JSON.parse(JSON.stringify(model.saved())) as ReadonlyPartialJSONValue;
        void state?.save(STATE, held);
      }, SAVE_MS);
    }
  };
  model.changed.connect(save);
  return {
    dispose: () => {
      model.changed.disconnect(save);
    }
  };
}

function folderOf(app: JupyterFrontEnd): string {
  for (const widget of app.shell.widgets('left')) {
    const path = (widget as { model?: { path?: unknown } }).model?.path;
    if (typeof path === 'string') {
      // a drive of another contents manager is no folder of the server's
      return path.includes(':') ? '' : path;
    }
  }
  return '';
}

async function copied(text: string): Promise<void> {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
  } else {
    Clipboard.copyToSystem(text);
  }
}

export default [actions, panel];
