/** What every part of the view is given, and how it hears of changes. */

import * as React from 'react';

import type { Translate } from '../i18n';
import type { CatalogueModel, Change } from '../model/catalogue';
import type { IStacAction, IStacActions, IStacContext } from '../tokens';

export interface PanelContext {
  readonly model: CatalogueModel;
  readonly t: Translate;
  /** Two letters. */
  readonly language: string;
  readonly actions: IStacActions;
  /** Context for actions on these items. */
  contextOf(items: IStacContext['items']): IStacContext;
  /** Begin to drag code; returns when it is dropped. */
  dragCode(code: string, label: string, x: number, y: number): void;
  /** Python that opens these items. */
  codeOf(items: IStacContext['items']): string;
  copy(text: string): Promise<void>;
  /** Folder that the file browser shows, below the server's own. */
  folder(): string;
  /** Tell something in passing; also read out by screen readers. */
  say(text: string): void;
}

export const Panel = React.createContext<PanelContext | null>(null);

export function usePanel(): PanelContext {
  const panel = React.useContext(Panel);
  if (!panel) {
    throw new Error('Outside of the panel.');
  }
  return panel;
}

/** Draw anew when one of these changes. */
export function useChanges(model: CatalogueModel, ...kinds: Change[]): void {
  const [, draw] = React.useReducer((count: number) => count + 1, 0);
  const wanted = kinds.join(' ');
  React.useEffect(() => {
    const set = new Set(wanted.split(' '));
    const hear = (_: CatalogueModel, change: Change): void => {
      if (set.has(change)) {
        draw();
      }
    };
    model.changed.connect(hear);
    return () => {
      model.changed.disconnect(hear);
    };
  }, [model, wanted]);
}

/** Actions that are offered for items; drawn anew when some come or go. */
export function useActions(items: IStacContext['items']): {
  readonly offered: readonly IStacAction[];
  run(action: IStacAction): void;
} {
  const { actions, contextOf, model } = usePanel();
  const [, draw] = React.useReducer((count: number) => count + 1, 0);
  React.useEffect(() => {
    const hear = (): void => draw();
    actions.changed.connect(hear);
    return () => {
      actions.changed.disconnect(hear);
    };
  }, [actions]);
  const context = contextOf(items);
  return {
    offered: actions.actions.filter(action => action.isEnabled(context)),
    run: action => {
      void (async () => action.execute(context))().catch((problem: unknown) =>
        model.tell(problem)
      );
    }
  };
}
