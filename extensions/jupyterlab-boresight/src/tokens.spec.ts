/** What is declared here of jupyterlab-stac is what it says itself: else this file does not compile. */

import type * as declared from 'jupyterlab-stac';

import type * as actual from '../../jupyterlab-stac/src/tokens';

type Agrees<A extends B, B> = A;

export type Actions = Agrees<actual.IStacActions, declared.IStacActions>;
export type Action = Agrees<declared.IStacAction, actual.IStacAction>;
export type Context = Agrees<actual.IStacContext, declared.IStacContext>;
export type Item = Agrees<actual.StacItem, declared.StacItem>;

it('agrees', () => {
  const context: declared.IStacContext | undefined = undefined as actual.IStacContext | undefined;
  expect(context).toBeUndefined();
});
