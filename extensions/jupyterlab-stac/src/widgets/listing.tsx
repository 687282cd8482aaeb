/** The list of what was found, as cards or as a table; only what is in view or near it is in the page. */

import { useVirtualizer, type Virtualizer } from '@tanstack/react-virtual';
import * as React from 'react';

import type { Result } from '../model/catalogue';
import { dayOf, number } from '../model/format';
import { usePanel } from './context';
import { Thumbnail } from './thumbnail';

/** Width of a card at least, and what lies between two [px]. */
const CARD_PX = 160;
const GAP_PX = 8;
/** Heights before they have been measured [px]. */
const CARD_ROW_PX = 190;
const LINE_PX = 27;
/** The head lies over the top of the list [px]. */
const HEAD_PX = 40;
/** Rows in the page beyond what is in view, on each side. */
const CARD_ROWS_BEYOND = 4;
const LINES_BEYOND = 20;
const COLUMNS_OF_TABLE = 6;

interface Window {
  readonly rows: Virtualizer<HTMLElement, HTMLElement>;
  /** First and last result that are in the page. */
  readonly from: number;
  readonly to: number;
  /** Height of what is left out before and after [px]. */
  readonly before_px: number;
  readonly after_px: number;
}

/** Rows of `columns` results, in the nearest `.jp-Stac-results`, which scrolls. */
function useWindow(
  list: React.RefObject<HTMLElement>,
  columns: number,
  row: { readonly height_px: number; readonly gap_px: number; readonly beyond: number }
): Window {
  const { model } = usePanel();
  const [start_px, setStart] = React.useState(0);
  const count = Math.ceil(model.results.length / columns);
  const rows = useVirtualizer<HTMLElement, HTMLElement>({
    count,
    getScrollElement: () => list.current?.closest<HTMLElement>('.jp-Stac-results') ?? null,
    estimateSize: () => row.height_px,
    gap: row.gap_px,
    overscan: row.beyond,
    scrollMargin: start_px,
    scrollPaddingStart: HEAD_PX,
    scrollPaddingEnd: GAP_PX,
    useFlushSync: false
  });
  React.useLayoutEffect(() => {
    const scrolls = rows.scrollElement;
    if (list.current && scrolls) {
      const top = list.current.getBoundingClientRect().top - scrolls.getBoundingClientRect().top;
      setStart(Math.round(top + scrolls.scrollTop));
    }
  });
  // other heights with another width
  React.useEffect(() => rows.measure(), [rows, columns]);
  const drawn = rows.getVirtualItems();
  const first = drawn[0];
  const last = drawn[drawn.length - 1];
  return {
    rows,
    from: (first?.index ?? 0) * columns,
    to: last ? Math.min(model.results.length, (last.index + 1) * columns) : 0,
    before_px: first ? first.start - start_px : 0,
    after_px: last ? rows.getTotalSize() - (last.end - start_px) : 0
  };
}

interface Keys {
  /** Key of the result that Tab leads to. */
  readonly current: string | null;
  readonly events: Pick<React.HTMLAttributes<HTMLElement>, 'onKeyDown' | 'onFocus' | 'onBlur'>;
  focus(key: string): void;
}

/** Arrow keys, Home and End move; Space selects more; Enter opens. */
function useKeys(list: React.RefObject<HTMLElement>, columns: number, shown: Window): Keys {
  const { model } = usePanel();
  const [current, setCurrent] = React.useState<string | null>(null);
  const goes = React.useRef(false);
  const holds = React.useRef(false);
  const { results, hovered } = model;
  const places = React.useMemo(() => new Map(results.map(({ key }, i) => [key, i])), [results]);
  const at = (current === null ? undefined : places.get(current)) ?? -1;
  const isThere = at >= shown.from && at < shown.to;
  const rows = shown.rows;

  React.useLayoutEffect(() => {
    // what had the focus may have been scrolled away and back
    const wants = goes.current || document.activeElement === list.current;
    if (wants && isThere) {
      goes.current = false;
      list.current?.querySelector<HTMLElement>('[tabindex="0"]')?.focus({ preventScroll: true });
    } else if (holds.current && document.activeElement === document.body) {
      list.current?.focus({ preventScroll: true });
    }
  });

  // go to what is hovered on the map; what is under the mouse here is in view anyway
  const place = hovered === null ? undefined : places.get(hovered);
  React.useEffect(() => {
    if (place !== undefined && place !== at && !list.current?.matches(':hover')) {
      rows.scrollToIndex(Math.floor(place / columns));
    }
    // scrolling alone is no reason to go back
  }, [place]);

  return {
    current: isThere ? current : (results[shown.from]?.key ?? null),
    focus: setCurrent,
    events: {
      onFocus: () => {
        holds.current = true;
      },
      onBlur: event => {
        holds.current = !event.target.isConnected;
      },
      onKeyDown: event => {
        const here = at < 0 ? shown.from : at;
        const to = (
          {
            ArrowRight: here + 1,
            ArrowLeft: here - 1,
            ArrowDown: here + columns,
            ArrowUp: here - columns,
            Home: 0,
            End: results.length - 1
          } as Record<string, number>
        )[event.key];
        const key = results[here]?.key;
        if (to !== undefined) {
          event.preventDefault();
          const next = Math.max(0, Math.min(results.length - 1, to));
          const found = results[next]?.key;
          if (found !== undefined) {
            goes.current = true;
            setCurrent(found);
            model.hover(found);
            rows.scrollToIndex(Math.floor(next / columns));
          }
        } else if (key !== undefined && event.key === ' ') {
          event.preventDefault();
          model.select(key, 'toggle');
        } else if (key !== undefined && event.key === 'Enter') {
          event.preventDefault();
          choose(model, key);
        } else if (event.key === 'Escape') {
          model.clearSelection();
        }
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
  /** From 0. */
  readonly place: number;
  readonly selected: boolean;
  readonly hovered: boolean;
  readonly current: boolean;
  /** Set on what has the height of its row. */
  readonly row: number | undefined;
  focus(key: string): void;
  measure(element: HTMLElement | null): void;
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

function isSame(a: OneProps, b: OneProps): boolean {
  return (
    a.result === b.result &&
    a.place === b.place &&
    a.row === b.row &&
    a.selected === b.selected &&
    a.hovered === b.hovered &&
    a.current === b.current
  );
}

const Card = React.memo(function Card(props: OneProps): JSX.Element {
  const { model, t, language } = usePanel();
  const { result, selected, hovered, current } = props;
  const { item } = result;
  const clouds = item.properties['eo:cloud_cover'];
  return (
    <div
      {...useOne(props)}
      ref={props.row === undefined ? undefined : props.measure}
      data-index={props.row}
      className={`jp-Stac-card${hovered ? ' jp-mod-hovered' : ''}`}
      role="option"
      aria-selected={selected}
      aria-posinset={props.place + 1}
      aria-setsize={model.matched === null ? -1 : Math.max(model.matched, model.results.length)}
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

export function Cards(): JSX.Element {
  const { model, t } = usePanel();
  const list = React.useRef<HTMLDivElement>(null);
  const columns = useColumns(list);
  const shown = useWindow(list, columns, {
    height_px: CARD_ROW_PX,
    gap_px: GAP_PX,
    beyond: CARD_ROWS_BEYOND
  });
  const keys = useKeys(list, columns, shown);
  return (
    <div
      ref={list}
      className="jp-Stac-cards"
      role="listbox"
      aria-multiselectable
      aria-label={t('Items')}
      tabIndex={-1}
      style={{
        gap: GAP_PX,
        gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))`,
        paddingTop: shown.before_px,
        paddingBottom: shown.after_px
      }}
      {...keys.events}
    >
      {model.results.slice(shown.from, shown.to).map((result, i) => (
        <Card
          key={result.key}
          result={result}
          place={shown.from + i}
          row={i % columns ? undefined : (shown.from + i) / columns}
          measure={shown.rows.measureElement}
          selected={model.selection.has(result.key)}
          hovered={model.hovered === result.key}
          current={keys.current === result.key}
          focus={keys.focus}
        />
      ))}
    </div>
  );
}

/** How many cards stand beside each other. */
function useColumns(list: React.RefObject<HTMLElement>): number {
  const [columns, setColumns] = React.useState(1);
  React.useLayoutEffect(() => {
    const element = list.current;
    if (!element) {
      return;
    }
    const count = (): void => {
      const width_px = element.clientWidth;
      if (width_px) {
        setColumns(Math.max(1, Math.floor((width_px + GAP_PX) / (CARD_PX + GAP_PX))));
      }
    };
    count();
    const observer = new ResizeObserver(count);
    observer.observe(element);
    return () => observer.disconnect();
  }, [list]);
  return columns;
}

const Line = React.memo(function Line(props: OneProps): JSX.Element {
  const { language } = usePanel();
  const { result, selected, hovered, current } = props;
  const { item } = result;
  const value = (name: string, digits: number): string => {
    const held = item.properties[name];
    return typeof held === 'number' ? number(held, language, digits) : '';
  };
  return (
    <tr
      {...useOne(props)}
      ref={props.measure}
      data-index={props.row}
      className={hovered ? 'jp-mod-hovered' : ''}
      aria-selected={selected}
      // the line of the columns' names is the first
      aria-rowindex={props.place + 2}
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

export function Table(): JSX.Element {
  const { model, t } = usePanel();
  const body = React.useRef<HTMLTableSectionElement>(null);
  const shown = useWindow(body, 1, { height_px: LINE_PX, gap_px: 0, beyond: LINES_BEYOND });
  const keys = useKeys(body, 1, shown);
  return (
    <table
      className="jp-Stac-table"
      role="grid"
      aria-multiselectable
      aria-label={t('Items')}
      aria-rowcount={model.matched === null ? -1 : model.matched + 1}
    >
      <thead>
        <tr aria-rowindex={1}>
          <th scope="col">{t('Item')}</th>
          <th scope="col">{t('Date')}</th>
          <th scope="col">{t('Collection')}</th>
          <th scope="col">{t('Clouds [%]')}</th>
          <th scope="col">{t('Pixel [m]')}</th>
          <th scope="col">{t('Angle [°]')}</th>
        </tr>
      </thead>
      <tbody ref={body} tabIndex={-1} {...keys.events}>
        <LeftOut height_px={shown.before_px} />
        {model.results.slice(shown.from, shown.to).map((result, i) => (
          <Line
            key={result.key}
            result={result}
            place={shown.from + i}
            row={shown.from + i}
            measure={shown.rows.measureElement}
            selected={model.selection.has(result.key)}
            hovered={model.hovered === result.key}
            current={keys.current === result.key}
            focus={keys.focus}
          />
        ))}
        <LeftOut height_px={shown.after_px} />
      </tbody>
    </table>
  );
}

function LeftOut({ height_px }: { height_px: number }): JSX.Element | null {
  return height_px > 0 ? (
    <tr aria-hidden="true" className="jp-Stac-leftOut">
      <td colSpan={COLUMNS_OF_TABLE} style={{ height: height_px }} />
    </tr>
  ) : null;
}
