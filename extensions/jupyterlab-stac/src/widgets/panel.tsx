/** The panel as a tab of JupyterLab. */

import { ReactWidget } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import * as React from 'react';

import { footprintOf } from '../model/footprints';
import type { StacItem } from '../stac';
import { Panel, usePanel, useActions, useChanges, type PanelContext } from './context';
import { SearchForm } from './form';
import { ItemView } from './item';
import { CatalogueMap } from './map';
import { Results } from './results';

export class CataloguePanel extends ReactWidget {
  private map: CatalogueMap | null = null;

  constructor(private readonly context: PanelContext) {
    super();
    this.addClass('jp-Stac');
  }

  override dispose(): void {
    this.context.model.stop();
    super.dispose();
  }

  /** Take colours anew. */
  recolour(): void {
    this.map?.recolour();
  }

  protected override onResize(message: Widget.ResizeMessage): void {
    super.onResize(message);
    this.map?.resize();
  }

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this.map?.resize();
  }

  protected render(): JSX.Element {
    return (
      <Panel.Provider value={this.context}>
        <Layout
          onMap={map => {
            this.map = map;
          }}
        />
      </Panel.Provider>
    );
  }
}

function Layout({ onMap }: { onMap(map: CatalogueMap | null): void }): JSX.Element {
  const { model, t } = usePanel();
  const place = React.useRef<HTMLDivElement>(null);
  const map = React.useRef<CatalogueMap | null>(null);
  useChanges(model, 'open');
  React.useEffect(() => {
    if (!place.current) {
      return;
    }
    const made = new CatalogueMap(place.current, model, [t('Zoom in'), t('Zoom out')]);
    map.current = made;
    onMap(made);
    const sizes = new ResizeObserver(() => made.resize());
    sizes.observe(place.current);
    return () => {
      sizes.disconnect();
      made.dispose();
      map.current = null;
      onMap(null);
    };
    // the map lives as long as the panel
  }, [model]);
  return (
    <div className={`jp-Stac-layout${model.opened ? ' jp-mod-open' : ''}`}>
      <SearchForm
        tools={{
          drawBox: () => map.current?.drawArea('box'),
          drawPolygon: () => map.current?.drawArea('polygon'),
          useViewport: () => {
            const bbox = map.current?.viewport() ?? null;
            model.set({ bbox, area: null });
          }
        }}
      />
      <div className="jp-Stac-middle">
        <div className="jp-Stac-mapFrame">
          <div
            ref={place}
            className="jp-Stac-map"
            tabIndex={0}
            role="application"
            aria-label={t('Map: arrow keys move it, plus and minus zoom')}
          />
          <div className="jp-Stac-mapTools">
            <button
              type="button"
              className="jp-Stac-button"
              onClick={() => map.current?.fit(model.results.map(one => one.footprint))}
            >
              {t('Show all')}
            </button>
            <Chosen onShow={items => map.current?.fit(items.map(footprintOf))} />
            <AreaActions />
            <Shown />
          </div>
        </div>
        <Results />
      </div>
      <ItemView />
    </div>
  );
}

const NONE: readonly StacItem[] = [];

/** Actions on an area or on the search as a whole, where nothing is selected. */
function AreaActions(): JSX.Element {
  const { model } = usePanel();
  useChanges(model, 'search', 'results', 'selection');
  const { offered, run } = useActions(NONE);
  return (
    <>
      {offered.map(action => (
        <button
          key={action.id}
          type="button"
          className="jp-Stac-button"
          title={action.caption}
          onClick={() => run(action)}
        >
          {action.label}
        </button>
      ))}
    </>
  );
}

function Chosen({ onShow }: { onShow(items: readonly StacItem[]): void }): JSX.Element | null {
  const { model, t } = usePanel();
  useChanges(model, 'selection', 'open', 'results');
  return model.chosen.length ? (
    <button type="button" className="jp-Stac-button" onClick={() => onShow(model.chosen)}>
      {t('Show selected')}
    </button>
  ) : null;
}

function Shown(): JSX.Element | null {
  const { model, t } = usePanel();
  useChanges(model, 'shown');
  return model.shown.length ? (
    <button type="button" className="jp-Stac-button" onClick={() => model.show([])}>
      {t('Take %1 off the map', model.shown.length)}
    </button>
  ) : null;
}
