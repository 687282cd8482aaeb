/** Filters by properties: cloud cover, whatever the API offers, and CQL2 text for experts. */

import * as React from 'react';

import { fromText, toText } from '../model/cql2';
import { told } from '../model/problems';
import type { Queryable } from '../model/queryables';
import { emptyFilter, toCql2, type FilterValue } from '../model/search';
import { usePanel, useChanges } from './context';

export function Filters(): JSX.Element | null {
  const { model, t } = usePanel();
  useChanges(model, 'search', 'collections');
  if (!model.can?.filter) {
    return null;
  }
  const { filters, cloudCoverMax } = model.search;
  const byName = new Map(model.queryables.map(one => [one.name, one]));
  const free = model.queryables.filter(one => !(one.name in filters));
  const set = (name: string, value: FilterValue | null): void => {
    const rest = Object.entries(filters).filter(([key]) => key !== name);
    model.set({ filters: Object.fromEntries(value ? [...rest, [name, value]] : rest) });
  };
  return (
    <fieldset>
      <legend>{t('Properties')}</legend>
      <label className="jp-Stac-label">
        {cloudCoverMax === null
          ? t('Cloud cover: any')
          : t('Cloud cover: at most %1 %', cloudCoverMax)}
        <input
          type="range"
          min={0}
          max={100}
          step={5}
          value={cloudCoverMax ?? 100}
          onChange={event => {
            const value = Number(event.target.value);
            model.set({ cloudCoverMax: value >= 100 ? null : value });
          }}
        />
      </label>
      {Object.entries(filters).map(([name, value]) => (
        <Filter
          key={name}
          queryable={byName.get(name) ?? null}
          name={name}
          value={value}
          onChange={next => set(name, next)}
        />
      ))}
      {free.length > 0 && (
        <label className="jp-Stac-label">
          {t('Add a filter')}
          <select
            className="jp-Stac-input"
            value=""
            onChange={event => {
              const queryable = byName.get(event.target.value);
              if (queryable) {
                set(queryable.name, emptyFilter(queryable.kind));
              }
            }}
          >
            <option value="">{t('Choose a property')}</option>
            {free.map(one => (
              <option key={one.name} value={one.name}>
                {one.title === one.name ? one.name : `${one.title} (${one.name})`}
              </option>
            ))}
          </select>
        </label>
      )}
      <Expert />
    </fieldset>
  );
}

interface FilterProps {
  readonly queryable: Queryable | null;
  readonly name: string;
  readonly value: FilterValue;
  onChange(value: FilterValue | null): void;
}

function Filter({ queryable, name, value, onChange }: FilterProps): JSX.Element {
  const { t } = usePanel();
  return (
    <div className="jp-Stac-filter" role="group" aria-label={queryable?.title ?? name}>
      <div className="jp-Stac-filterHead">
        <span title={queryable?.description || name}>{queryable?.title ?? name}</span>
        <button
          type="button"
          className="jp-Stac-link"
          aria-label={t('Remove the filter %1', queryable?.title ?? name)}
          onClick={() => onChange(null)}
        >
          ✕
        </button>
      </div>
      <FilterInput queryable={queryable} name={name} value={value} onChange={onChange} />
    </div>
  );
}

function FilterInput({ queryable, name, value, onChange }: FilterProps): JSX.Element {
  const { t } = usePanel();
  switch (value.kind) {
    case 'number': {
      const one = (side: 'min' | 'max', label: string, bound: number | null): JSX.Element => (
        <input
          className="jp-Stac-input"
          type="number"
          step={queryable?.kind === 'integer' ? 1 : 'any'}
          aria-label={`${name}: ${label}`}
          placeholder={bound === null ? label : `${label} ${bound}`}
          value={value[side] ?? ''}
          onChange={event => {
            const number = event.target.valueAsNumber;
            onChange({ ...value, [side]: Number.isNaN(number) ? null : number });
          }}
        />
      );
      return (
        <div className="jp-Stac-two">
          {one('min', t('at least'), queryable?.minimum ?? null)}
          {one('max', t('at most'), queryable?.maximum ?? null)}
        </div>
      );
    }
    case 'enum':
      return (
        <div>
          {(queryable?.values ?? value.values).map(option => (
            <label key={String(option)} className="jp-Stac-check">
              <input
                type="checkbox"
                checked={value.values.includes(option)}
                onChange={() =>
                  onChange({
                    ...value,
                    values: value.values.includes(option)
                      ? value.values.filter(held => held !== option)
                      : [...value.values, option]
                  })
                }
              />
              <span>{String(option)}</span>
            </label>
          ))}
        </div>
      );
    case 'text':
      return (
        <input
          className="jp-Stac-input"
          aria-label={name}
          placeholder={t('contains')}
          value={value.text}
          onChange={event => onChange({ ...value, text: event.target.value })}
        />
      );
    case 'date':
      return (
        <div className="jp-Stac-two">
          {(['from', 'to'] as const).map(side => (
            <input
              key={side}
              className="jp-Stac-input"
              type="date"
              aria-label={`${name}: ${side === 'from' ? t('From') : t('To')}`}
              value={value[side]}
              onChange={event => onChange({ ...value, [side]: event.target.value })}
            />
          ))}
        </div>
      );
    case 'boolean':
      return (
        <select
          className="jp-Stac-input"
          aria-label={name}
          value={String(value.value)}
          onChange={event => onChange({ ...value, value: event.target.value === 'true' })}
        >
          <option value="true">{t('yes')}</option>
          <option value="false">{t('no')}</option>
        </select>
      );
  }
}

function Expert(): JSX.Element {
  const { model, t } = usePanel();
  const held = model.search.cql2;
  const [text, setText] = React.useState(held ? toText(held) : '');
  const [problem, setProblem] = React.useState('');
  React.useEffect(() => {
    if (held === null) {
      setText(current => (current && !problem ? '' : current));
    }
  }, [held, problem]);
  const whole = toCql2(model.search, model.can?.like);
  return (
    <details className="jp-Stac-expert" open={held !== null || undefined}>
      <summary>{t('CQL2, for experts')}</summary>
      <label className="jp-Stac-label">
        {t('Filter as CQL2 text')}
        <textarea
          className="jp-Stac-input"
          rows={3}
          spellCheck={false}
          aria-invalid={problem !== ''}
          placeholder={"gsd < 1 AND platform LIKE 'PHR%'"}
          value={text}
          onChange={event => {
            setText(event.target.value);
            try {
              const cql2 = fromText(event.target.value);
              setProblem('');
              model.set({ cql2 });
            } catch (wrong) {
              setProblem(told(wrong, t));
            }
          }}
        />
      </label>
      {problem && (
        <p className="jp-Stac-problem" role="alert">
          {problem}
        </p>
      )}
      {whole && (
        <>
          <p className="jp-Stac-hint">{t('All filters together:')}</p>
          <code className="jp-Stac-code">{toText(whole)}</code>
        </>
      )}
    </details>
  );
}
