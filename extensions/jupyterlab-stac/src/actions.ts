/** Register of actions on items. */

import { DisposableDelegate, type IDisposable } from '@lumino/disposable';
import { Signal, type ISignal } from '@lumino/signaling';

import type { IStacAction, IStacActions, IStacContext } from './tokens';

const USUAL_RANK = 100;

/** Implementation of the register; the panel sets `context`. */
export class StacActions implements IStacActions {
  /** Context of the panel that was used last. */
  context: IStacContext | null = null;

  private readonly byId = new Map<string, IStacAction>();
  private readonly changes = new Signal<IStacActions, void>(this);

  add(action: IStacAction): IDisposable {
    if (this.byId.has(action.id)) {
      throw new Error(`There is an action '${action.id}' already: choose another id.`);
    }
    this.byId.set(action.id, action);
    this.changes.emit();
    return new DisposableDelegate(() => {
      this.byId.delete(action.id);
      this.changes.emit();
    });
  }

  /** Let those who show actions ask anew whether they are enabled. */
  again(): void {
    this.changes.emit();
  }

  get actions(): readonly IStacAction[] {
    return [...this.byId.values()].sort(
      (a, b) =>
        (a.rank ?? USUAL_RANK) - (b.rank ?? USUAL_RANK) || a.label.localeCompare(b.label)
    );
  }

  get changed(): ISignal<IStacActions, void> {
    return this.changes;
  }
}
