/** As much of jupyterlab-stac's tokens as is used here; `tokens.spec.ts` holds the two together. */
declare module 'jupyterlab-stac' {
  import type { Token } from '@lumino/coreutils';
  import type { IDisposable } from '@lumino/disposable';
  import type { ISignal } from '@lumino/signaling';

  export type BBox = readonly [number, number, number, number];

  export interface StacAsset {
    readonly href: string;
    readonly [field: string]: unknown;
  }

  export interface StacItem {
    readonly type: 'Feature';
    readonly id: string;
    readonly collection?: string;
    readonly geometry: GeoJSON.Geometry | null;
    readonly bbox?: readonly number[];
    readonly properties: Readonly<Record<string, unknown>>;
    readonly assets: Readonly<Record<string, StacAsset>>;
    readonly links: readonly { readonly rel: string; readonly href: string }[];
  }

  export interface IStacContext {
    readonly apiUrl: string;
    readonly items: readonly StacItem[];
    readonly bbox: BBox | null;
    readonly area: GeoJSON.Geometry | null;
    show(items: readonly StacItem[]): void;
  }

  export interface IStacAction {
    readonly id: string;
    readonly label: string;
    readonly caption: string;
    readonly rank?: number;
    isEnabled(context: IStacContext): boolean;
    execute(context: IStacContext): Promise<void> | void;
  }

  export interface IStacActions {
    add(action: IStacAction): IDisposable;
    readonly actions: readonly IStacAction[];
    readonly changed: ISignal<IStacActions, void>;
    readonly context: IStacContext | null;
  }

  export const IStacActions: Token<IStacActions>;
}
