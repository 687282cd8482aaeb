/** What was found: how many, what went wrong, what is selected; pages follow by themselves. */

import * as React from 'react';

import { MAX_ITEMS } from '../model/catalogue';
import { told } from '../model/problems';
import { ApiError } from '../api';
import { usePanel, useActions, useChanges } from './context';
import { Cards, Table } from './listing';

export function Results(): JSX.Element {
  const { model, t, language } = usePanel();
  useChanges(model, 'results', 'selection', 'hover', 'view', 'api');
  const count = model.results.length;
  return (
    <section className="jp-Stac-results" aria-label={t('Results')}>
      <div className="jp-Stac-resultsHead">
        <p role="status" className="jp-Stac-count">
          {countOf()}
        </p>
        <div className="jp-Stac-row" role="group" aria-label={t('View')}>
          {(['cards', 'table'] as const).map(view => (
            <button
              key={view}
              type="button"
              className="jp-Stac-button"
              aria-pressed={model.view === view}
              onClick={() => model.setView(view)}
            >
              {view === 'cards' ? t('Cards') : t('Table')}
            </button>
          ))}
        </div>
      </div>
      <Problem />
      <Selection />
      {count > 0 && (model.view === 'cards' ? <Cards /> : <Table />)}
      <More />
    </section>
  );

  function countOf(): string {
    const whole = new Intl.NumberFormat(language);
    if (model.searching === 'search') {
      return t('Searching…');
    }
    if (!model.searched) {
      return t('Choose what to search for.');
    }
    if (!count) {
      return model.problem ? '' : t('Nothing found. Widen the area, the dates or the filters.');
    }
    return model.matched === null
      ? t('%1 items', whole.format(count) + (model.next ? '+' : ''))
      : t('%1 of %2 items', whole.format(count), whole.format(Math.max(count, model.matched)));
  }
}

function Problem(): JSX.Element | null {
  const { model, t } = usePanel();
  const { problem } = model;
  if (!problem) {
    return null;
  }
  const body = problem instanceof ApiError ? problem.body : null;
  const url = body?.kind === 'host' ? String(body.values['url'] ?? '') : '';
  return (
    <div className="jp-Stac-problem" role="alert">
      <p>{told(problem, t)}</p>
      <div className="jp-Stac-row">
        {url.startsWith('https:') && model.settings?.may_add && (
          <button
            type="button"
            className="jp-Stac-button"
            onClick={() =>
              void model.api
                .addHost(url)
                .then(() => model.tell(null))
                .catch((wrong: unknown) => model.tell(wrong))
            }
          >
            {t('Allow %1', String(body?.values['host'] ?? ''))}
          </button>
        )}
        <button
          type="button"
          className="jp-Stac-button"
          onClick={() => void model.retry()}
        >
          {t('Try again')}
        </button>
        <button type="button" className="jp-Stac-button" onClick={() => model.tell(null)}>
          {t('Close')}
        </button>
      </div>
    </div>
  );
}

function Selection(): JSX.Element | null {
  const { model, t } = usePanel();
  const items = model.results.filter(one => model.selection.has(one.key)).map(one => one.item);
  const { offered, run } = useActions(items);
  if (items.length < 2) {
    return null;
  }
  return (
    <div className="jp-Stac-selection" role="group" aria-label={t('Selection')}>
      <span>{t('%1 selected', items.length)}</span>
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
      <button type="button" className="jp-Stac-button" onClick={() => model.clearSelection()}>
        {t('Select none')}
      </button>
    </div>
  );
}

function More(): JSX.Element | null {
  const { model, t } = usePanel();
  const ref = React.useRef<HTMLButtonElement>(null);
  const waits = model.next !== null && model.results.length < MAX_ITEMS;
  React.useEffect(() => {
    if (!waits || !ref.current || model.problem) {
      return;
    }
    const observer = new IntersectionObserver(entries => {
      if (entries.some(entry => entry.isIntersecting)) {
        void model.more();
      }
    });
    observer.observe(ref.current);
    return () => observer.disconnect();
  }, [model, waits, model.results.length, model.problem]);
  if (model.results.length >= MAX_ITEMS && model.next) {
    return <p className="jp-Stac-hint">{t('No more than %1 are shown: narrow the search.', MAX_ITEMS)}</p>;
  }
  return waits ? (
    <button
      ref={ref}
      type="button"
      className="jp-Stac-button jp-Stac-more"
      disabled={model.searching !== null}
      onClick={() => void model.more()}
    >
      {model.searching === 'more' ? t('Loading…') : t('More')}
    </button>
  ) : null;
}
