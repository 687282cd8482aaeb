/** What to search for: API, collections, area, dates, clouds, sort. */

import * as React from 'react';

import { interval, type SortBy } from '../model/search';
import type { BBox } from '../stac';
import { Filters } from './filters';
import { usePanel, useChanges } from './context';

export interface DrawTools {
  drawBox(): void;
  drawPolygon(): void;
  useViewport(): void;
}

export function SearchForm({ tools }: { tools: DrawTools }): JSX.Element {
  const { model, t } = usePanel();
  useChanges(model, 'api', 'search', 'results', 'collections');
  const searching = model.searching !== null;
  return (
    <form
      className="jp-Stac-form"
      aria-label={t('Search')}
      onSubmit={event => {
        event.preventDefault();
        void model.run();
      }}
    >
      <div className="jp-Stac-formBody">
        <ApiChooser />
        <Collections />
        <Area tools={tools} />
        <Dates />
        <Filters />
        <Sort />
      </div>
      <div className="jp-Stac-formEnd">
        <button
          type="submit"
          className="jp-Stac-button jp-mod-primary"
          disabled={!model.can || searching}
        >
          {searching ? t('Searching…') : t('Search')}
        </button>
        {searching && (
          <button type="button" className="jp-Stac-button" onClick={() => model.stop('search')}>
            {t('Stop')}
          </button>
        )}
      </div>
    </form>
  );
}

function ApiChooser(): JSX.Element {
  const { model, t } = usePanel();
  const [adding, setAdding] = React.useState(false);
  const [url, setUrl] = React.useState('');
  const apis = model.settings?.apis ?? [];
  const add = (): void => {
    void model.addApi(url.trim(), '').then(() => {
      if (!model.problem) {
        setAdding(false);
        setUrl('');
      }
    });
  };
  return (
    <fieldset>
      <legend>{t('Catalogue')}</legend>
      <label className="jp-Stac-label">
        {t('STAC API')}
        <select
          className="jp-Stac-input"
          value={model.entry?.url ?? ''}
          onChange={event => {
            const entry = apis.find(one => one.url === event.target.value);
            if (entry) {
              void model.openApi(entry);
            }
          }}
        >
          {!model.entry && <option value="">{t('Choose one')}</option>}
          {apis.map(api => (
            <option key={api.url} value={api.url}>
              {api.title}
            </option>
          ))}
        </select>
      </label>
      {model.entry?.has_token && <p className="jp-Stac-hint">{t('Asked in your name')}</p>}
      {model.can?.missing.includes('search') && (
        <p className="jp-Stac-hint">{t('This API has no search: choose one collection.')}</p>
      )}
      {model.can?.missing.includes('filter') && (
        <p className="jp-Stac-hint">{t('This API has no filters by properties.')}</p>
      )}
      <div className="jp-Stac-row">
        {model.settings?.may_add && !adding && (
          <button type="button" className="jp-Stac-link" onClick={() => setAdding(true)}>
            {t('Add an API')}
          </button>
        )}
        {model.entry?.added && (
          <button
            type="button"
            className="jp-Stac-link"
            onClick={() => void model.removeApi(model.entry?.url ?? '')}
          >
            {t('Remove this API')}
          </button>
        )}
      </div>
      {adding && (
        <div>
          <label className="jp-Stac-label">
            {t('Address of its root')}
            <input
              className="jp-Stac-input"
              type="url"
              placeholder="https://…"
              value={url}
              autoFocus
              onChange={event => setUrl(event.target.value)}
              onKeyDown={event => {
                if (event.key === 'Enter') {
                  event.preventDefault();
                  add();
                }
              }}
            />
          </label>
          <div className="jp-Stac-row">
            <button type="button" className="jp-Stac-button" disabled={!url.trim()} onClick={add}>
              {t('Add')}
            </button>
            <button type="button" className="jp-Stac-button" onClick={() => setAdding(false)}>
              {t('Cancel')}
            </button>
          </div>
        </div>
      )}
    </fieldset>
  );
}

function Collections(): JSX.Element {
  const { model, t } = usePanel();
  const [query, setQuery] = React.useState('');
  const chosen = new Set(model.search.collections);
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const found = model.collections.filter(one => {
    const text = `${one.id} ${one.title ?? ''} ${(one.keywords ?? []).join(' ')}`.toLowerCase();
    return chosen.has(one.id) || words.every(word => text.includes(word));
  });
  return (
    <fieldset>
      <legend>
        {t('Collections')} ({model.collections.length})
      </legend>
      {model.collections.length > 6 && (
        <input
          className="jp-Stac-input"
          type="search"
          aria-label={t('Find a collection')}
          placeholder={t('Find a collection')}
          value={query}
          onChange={event => setQuery(event.target.value)}
          onKeyDown={event => {
            if (event.key === 'Enter') {
              event.preventDefault();
            }
          }}
        />
      )}
      <div className="jp-Stac-collections" role="group" aria-label={t('Collections')}>
        {model.loading && <p className="jp-Stac-hint">{t('Loading…')}</p>}
        {model.collected && !found.length && (
          <p className="jp-Stac-hint">{t('No collection')}</p>
        )}
        {!model.loading && !model.collected && (
          <button type="button" className="jp-Stac-button" onClick={() => void model.retry()}>
            {t('Load the collections')}
          </button>
        )}
        {found.slice(0, 300).map(one => (
          <label key={one.id} className="jp-Stac-check" title={one.description?.slice(0, 500)}>
            <input
              type="checkbox"
              checked={chosen.has(one.id)}
              onChange={() =>
                model.set({
                  collections: chosen.has(one.id)
                    ? model.search.collections.filter(id => id !== one.id)
                    : [...model.search.collections, one.id]
                })
              }
            />
            <span>{one.title || one.id}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

const SIDES = ['West', 'South', 'East', 'North'] as const;

function Area({ tools }: { tools: DrawTools }): JSX.Element {
  const { model, t } = usePanel();
  const { bbox, area } = model.search;
  const [texts, setTexts] = React.useState<readonly string[]>(['', '', '', '']);
  React.useEffect(() => {
    setTexts(bbox ? bbox.map(value => String(Math.round(value * 1e5) / 1e5)) : ['', '', '', '']);
  }, [bbox]);
  const take = (next: readonly string[]): void => {
    setTexts(next);
    const values = next.map(text => (text.trim() === '' ? NaN : Number(text)));
    const [west = NaN, south = NaN, east = NaN, north = NaN] = values;
    const good =
      values.every(Number.isFinite) &&
      [west, east].every(lon => Math.abs(lon) <= 180) &&
      -90 <= south &&
      south <= north &&
      north <= 90;
    if (good) {
      model.set({ bbox: [west, south, east, north] as BBox, area: null });
    } else if (next.every(text => !text.trim())) {
      model.set({ bbox: null });
    }
  };
  return (
    <fieldset>
      <legend>{t('Area')}</legend>
      <div className="jp-Stac-row">
        <button type="button" className="jp-Stac-button" onClick={tools.drawBox}>
          {t('Draw a box')}
        </button>
        <button type="button" className="jp-Stac-button" onClick={tools.drawPolygon}>
          {t('Draw a polygon')}
        </button>
        <button type="button" className="jp-Stac-button" onClick={tools.useViewport}>
          {t('Extent of the map')}
        </button>
        {(bbox || area) && (
          <button
            type="button"
            className="jp-Stac-button"
            onClick={() => model.set({ bbox: null, area: null })}
          >
            {t('Everywhere')}
          </button>
        )}
      </div>
      {area && <p className="jp-Stac-hint">{t('A polygon is drawn.')}</p>}
      <div className="jp-Stac-four">
        {SIDES.map((side, i) => (
          <label key={side} className="jp-Stac-label">
            {t(side)}
            <input
              className="jp-Stac-input"
              inputMode="decimal"
              value={texts[i] ?? ''}
              placeholder="°"
              onChange={event =>
                take(texts.map((text, j) => (i === j ? event.target.value : text)))
              }
            />
          </label>
        ))}
      </div>
    </fieldset>
  );
}

function Dates(): JSX.Element {
  const { model, t } = usePanel();
  const { from, to } = model.search;
  const turned = interval(from, to) !== null && from !== '' && to !== '' && from > to;
  return (
    <fieldset>
      <legend>{t('Dates')}</legend>
      <div className="jp-Stac-two jp-Stac-dates">
        <label className="jp-Stac-label">
          {t('From')}
          <input
            className="jp-Stac-input"
            type="date"
            value={from}
            onChange={event => model.set({ from: event.target.value })}
          />
        </label>
        <label className="jp-Stac-label">
          {t('To')}
          <input
            className="jp-Stac-input"
            type="date"
            value={to}
            onChange={event => model.set({ to: event.target.value })}
          />
        </label>
      </div>
      {turned && (
        <p className="jp-Stac-problem" role="alert">
          {t('The first day is after the last one.')}
        </p>
      )}
    </fieldset>
  );
}

function Sort(): JSX.Element | null {
  const { model, t } = usePanel();
  if (!model.can?.sort) {
    return null;
  }
  const { sort } = model.search;
  const value = sort ? `${sort.direction === 'desc' ? '-' : '+'}${sort.field}` : '';
  const fields: readonly [string, string][] = [
    ['', t('As the API has it')],
    ['-properties.datetime', t('Newest first')],
    ['+properties.datetime', t('Oldest first')],
    ['+properties.eo:cloud_cover', t('Fewest clouds first')],
    ['+id', t('By name')]
  ];
  return (
    <fieldset>
      <legend>{t('Order')}</legend>
      <select
        className="jp-Stac-input"
        aria-label={t('Order')}
        value={value}
        onChange={event => {
          const text = event.target.value;
          const next: SortBy | null = text
            ? { field: text.slice(1), direction: text.startsWith('-') ? 'desc' : 'asc' }
            : null;
          model.set({ sort: next });
        }}
      >
        {fields.map(([field, label]) => (
          <option key={field} value={field}>
            {label}
          </option>
        ))}
      </select>
    </fieldset>
  );
}

