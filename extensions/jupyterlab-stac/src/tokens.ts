/** What other extensions need of the panel: actions of theirs on items, on a selection, on an area. */

import { Token } from '@lumino/coreutils';
import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';

import type { BBox, StacItem } from './stac';

export type { BBox, StacItem } from './stac';

/** What an action is done to. */
export interface IStacContext {
  /** Root of the API that is shown. */
  readonly apiUrl: string;
  /** Items that are selected, or the one that is open; STAC JSON as the API has sent it. */
  readonly items: readonly StacItem[];
  /** Area that is drawn: west, south, east, north [deg]; west > east across the antimeridian. */
  readonly bbox: BBox | null;
  /** The area as a geometry; null when it is a box or none is drawn. */
  readonly area: GeoJSON.Geometry | null;
  /** Put items onto the panel's map, beside the results; an empty list takes them away. */
  show(items: readonly StacItem[]): void;
}

export interface IStacAction {
  /** Unique, as `boresight:find-pairs`. */
  readonly id: string;
  /** In the reader's language. */
  readonly label: string;
  /** What it does, in a sentence. */
  readonly caption: string;
  /** Lower comes first; 100 unless said. */
  readonly rank?: number;
  /** Whether it is offered for this context. */
  isEnabled(context: IStacContext): boolean;
  /** What it throws is told to the reader. */
  execute(context: IStacContext): Promise<void> | void;
}

/** Register of actions; the panel offers them where their context is. */
export interface IStacActions {
  /**
   * Offer an action.
   *
   * @throws Error when its id is taken.
   */
  add(action: IStacAction): IDisposable;
  /** All, by rank, then label. */
  readonly actions: readonly IStacAction[];
  /** Emitted when actions come or go. */
  readonly changed: ISignal<IStacActions, void>;
  /** Context of the panel that was used last; null while none is open. */
  readonly context: IStacContext | null;
}

export const IStacActions = new Token<IStacActions>(
  'jupyterlab-stac:IStacActions',
  'Register of actions on the items of a STAC catalogue, offered by its panel.'
);
