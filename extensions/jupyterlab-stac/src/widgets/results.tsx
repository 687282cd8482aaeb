/** What was found: cards or a table, with pages that follow by themselves. */

import * as React from 'react';

import { dayOf, number } from '../model/format';
import { MAX_ITEMS, type Result } from '../model/catalogue';
import { told } from '../model/problems';
import { ApiError } from '../api';
import { usePanel, useActions, useChanges } from './context';
import { Thumbnail } from './thumbnail';

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

/** Arrow keys, Home and End move; Space selects more; Enter opens. */
function useKeys(columns: () => number): {
  readonly current: string | null;
  onKeyDown(event: React.KeyboardEvent): void;
  focus(key: string): void;
} {
  const { model } = usePanel();
  const [current, setCurrent] = React.useState<string | null>(null);
  const keys = model.results.map(one => one.key);
  const here = current !== null && keys.includes(current) ? current : (keys[0] ?? null);
  return {
    current: here,
    focus: setCurrent,
    onKeyDown: event => {
      const at = here === null ? -1 : keys.indexOf(here);
      const to = (
        {
          ArrowRight: at + 1,
          ArrowLeft: at - 1,
          ArrowDown: at + columns(),
          ArrowUp: at - columns(),
          Home: 0,
          End: keys.length - 1
        } as Record<string, number>
      )[event.key];
      if (to !== undefined) {
        event.preventDefault();
        const key = keys[Math.max(0, Math.min(keys.length - 1, to))];
        if (key !== undefined) {
          setCurrent(key);
          model.hover(key);
          const list = event.currentTarget;
          requestAnimationFrame(() => {
            list.querySelector<HTMLElement>('[tabindex="0"]')?.focus();
          });
        }
      } else if (here !== null && event.key === ' ') {
        event.preventDefault();
        model.select(here, 'toggle');
      } else if (here !== null && event.key === 'Enter') {
        event.preventDefault();
        choose(model, here);
      } else if (event.key === 'Escape') {
        model.clearSelection();
      }
    }
  };
}

function choose(model: ReturnType<typeof usePanel>['model'], key: string): void {
  model.select(key);
  model.open(model.results.find(one => one.key === key)?.item ?? null);
}

interface OneProps {
  readonly result: Result;
  readonly selected: boolean;
  readonly hovered: boolean;
  readonly current: boolean;
  focus(key: string): void;
}

function useOne({ result, focus }: OneProps): React.HTMLAttributes<HTMLElement> {
  const { model, dragCode, codeOf } = usePanel();
  const { key, item } = result;
  const from = React.useRef<{ x: number; y: number } | null>(null);
  return {
    onClick: event => {
      focus(key);
      if (event.ctrlKey || event.metaKey) {
        model.select(key, 'toggle');
      } else {
        choose(model, key);
      }
    },
    onFocus: () => model.hover(key),
    onMouseEnter: () => model.hover(key),
    onMouseLeave: () => {
      model.hover(null);
    },
    onMouseDown: event => {
      from.current = event.button === 0 ? { x: event.clientX, y: event.clientY } : null;
    },
    onMouseUp: () => {
      from.current = null;
    },
    onMouseMove: event => {
      const begun = from.current;
      if (begun && Math.hypot(event.clientX - begun.x, event.clientY - begun.y) > 6) {
        from.current = null;
        const items = model.selection.has(key) ? model.chosen : [item];
        dragCode(codeOf(items), item.id, event.clientX, event.clientY);
      }
    }
  };
}

const Card = React.memo(function Card(props: OneProps): JSX.Element {
  const { t, language } = usePanel();
  const { result, selected, hovered, current } = props;
  const { item } = result;
  const ref = React.useRef<HTMLDivElement>(null);
  useRevealed(ref, hovered && !current);
  const clouds = item.properties['eo:cloud_cover'];
  return (
    <div
      {...useOne(props)}
      ref={ref}
      className={`jp-Stac-card${hovered ? ' jp-mod-hovered' : ''}`}
      role="option"
      aria-selected={selected}
      tabIndex={current ? 0 : -1}
      data-key={result.key}
    >
      <Thumbnail item={item} />
      <div className="jp-Stac-cardText">
        <strong>{item.id}</strong>
        <span>{dayOf(item)}</span>
        <span>{item.collection}</span>
        {typeof clouds === 'number' && (
          <span>{t('%1 % clouds', number(clouds, language, 0))}</span>
        )}
        {result.footprint.source === 'none' && <span>{t('without a footprint')}</span>}
      </div>
    </div>
  );
}, isSame);

function isSame(a: OneProps, b: OneProps): boolean {
  return (
    a.result === b.result &&
    a.selected === b.selected &&
    a.hovered === b.hovered &&
    a.current === b.current
  );
}

/** Scroll to what is hovered on the map; what is under the mouse here is in view anyway. */
function useRevealed(ref: React.RefObject<HTMLElement>, wanted: boolean): void {
  React.useEffect(() => {
    if (wanted && ref.current && !ref.current.matches(':hover')) {
      ref.current.scrollIntoView({ block: 'nearest' });
    }
  }, [wanted, ref]);
}

function Cards(): JSX.Element {
  const { model, t } = usePanel();
  const list = React.useRef<HTMLDivElement>(null);
  const keys = useKeys(() => {
    const first = list.current?.firstElementChild;
    const width = first?.getBoundingClientRect().width ?? 1;
    return Math.max(1, Math.floor((list.current?.clientWidth ?? 1) / Math.max(1, width)));
  });
  return (
    <div
      ref={list}
      className="jp-Stac-cards"
      role="listbox"
      aria-multiselectable
      aria-label={t('Items')}
      onKeyDown={keys.onKeyDown}
    >
      {model.results.map(result => (
        <Card
          key={result.key}
          result={result}
          selected={model.selection.has(result.key)}
          hovered={model.hovered === result.key}
          current={keys.current === result.key}
          focus={keys.focus}
        />
      ))}
    </div>
  );
}

const Line = React.memo(function Line(props: OneProps): JSX.Element {
  const { language } = usePanel();
  const { result, selected, hovered, current } = props;
  const { item } = result;
  const ref = React.useRef<HTMLTableRowElement>(null);
  useRevealed(ref, hovered && !current);
  const value = (name: string, digits: number): string => {
    const held = item.properties[name];
    return typeof held === 'number' ? number(held, language, digits) : '';
  };
  return (
    <tr
      {...useOne(props)}
      ref={ref}
      className={hovered ? 'jp-mod-hovered' : ''}
      aria-selected={selected}
      tabIndex={current ? 0 : -1}
      data-key={result.key}
    >
      <td>{item.id}</td>
      <td>{dayOf(item)}</td>
      <td>{item.collection}</td>
      <td className="jp-Stac-number">{value('eo:cloud_cover', 0)}</td>
      <td className="jp-Stac-number">{value('gsd', 2)}</td>
      <td className="jp-Stac-number">{value('view:incidence_angle', 1) || value('view:off_nadir', 1)}</td>
    </tr>
  );
}, isSame);

function Table(): JSX.Element {
  const { model, t } = usePanel();
  const keys = useKeys(() => 1);
  return (
    <table
      className="jp-Stac-table"
      role="grid"
      aria-multiselectable
      aria-label={t('Items')}
      onKeyDown={keys.onKeyDown}
    >
      <thead>
        <tr>
          <th scope="col">{t('Item')}</th>
          <th scope="col">{t('Date')}</th>
          <th scope="col">{t('Collection')}</th>
          <th scope="col">{t('Clouds [%]')}</th>
          <th scope="col">{t('Pixel [m]')}</th>
          <th scope="col">{t('Angle [°]')}</th>
        </tr>
      </thead>
      <tbody>
        {model.results.map(result => (
          <Line
            key={result.key}
            result={result}
            selected={model.selection.has(result.key)}
            hovered={model.hovered === result.key}
            current={keys.current === result.key}
            focus={keys.focus}
          />
        ))}
      </tbody>
    </table>
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
