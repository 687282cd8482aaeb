/** Meters of memory and home in the status bar, and what they open. */

import React, { type ReactNode, useEffect, useRef, useState } from 'react';

import type { Translate } from '../i18n';
import { percent } from '../model/format';
import { Bar } from '../widgets/parts';
import type { Home, Memory } from './api';
import { gib } from './format';
import type { Variable } from './variables';

interface Words {
  readonly trans: Translate;
  readonly language: string;
}

/** From here on a meter is drawn as a warning [1]. */
const WARN_FROM = 0.9;

function Meter(props: {
  label: string;
  share: number;
  title: string;
  onOpen: () => void;
}): JSX.Element {
  const kind = props.share >= WARN_FROM ? 'poor' : 'good';
  return (
    <button
      type="button"
      className="jp-boresight-meter"
      title={props.title}
      aria-haspopup="dialog"
      onClick={props.onOpen}
    >
      <span>{props.label}</span>
      <Bar share={props.share} kind={kind} />
    </button>
  );
}

export function MemoryMeter(props: Words & { memory: Memory; onOpen: () => void }): JSX.Element {
  const { memory, trans, language, onOpen } = props;
  const used = gib(memory.used_bytes, language);
  const limit = gib(memory.limit_bytes, language);
  return (
    <Meter
      label={trans('Memory %1 of %2', used, limit)}
      share={memory.used_bytes / memory.limit_bytes}
      title={trans('Memory: %1 of %2. Click for the biggest variables.', used, limit)}
      onOpen={onOpen}
    />
  );
}

export function HomeMeter(props: Words & { home: Home; onOpen: () => void }): JSX.Element {
  const { home, trans, language, onOpen } = props;
  const share = home.used_bytes / home.quota_bytes;
  return (
    <Meter
      label={trans('Home %1', percent(share))}
      share={share}
      title={trans('Home: %1 left. Click for what fills it.', gib(home.free_bytes, language))}
      onOpen={onOpen}
    />
  );
}

function Rows(props: { rows: readonly (readonly [string, string, string])[] }): JSX.Element {
  return (
    <table className="jp-boresight-sizes">
      <tbody>
        {props.rows.map(([name, about, size], number) => (
          <tr key={number}>
            <th scope="row">{name}</th>
            <td>{about}</td>
            <td>{size}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** What a meter opens; has the focus, so that Escape closes it. */
function Details(props: { label: string; children: ReactNode }): JSX.Element {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => place.current?.focus(), []);
  return (
    <div
      ref={place}
      className="jp-boresight jp-boresight-details"
      role="dialog"
      aria-label={props.label}
      tabIndex={-1}
    >
      {props.children}
    </div>
  );
}

/** Biggest variables of the kernel of what is open, and the memory of each kernel. */
export function MemoryDetails(
  props: Words & {
    memory: Memory;
    kernelId: string;
    isBusy: boolean;
    ask: () => Promise<readonly Variable[] | null>;
  }
): JSX.Element {
  const { memory, kernelId, isBusy, ask, trans, language } = props;
  const [variables, setVariables] = useState<readonly Variable[] | null | undefined>(undefined);
  useEffect(() => {
    let isOpen = true;
    if (kernelId) {
      ask().then(
        found => isOpen && setVariables(found),
        () => isOpen && setVariables(null)
      );
    }
    return () => {
      isOpen = false;
    };
  }, [kernelId]);
  const source = {
    cgroup: trans('set for this server'),
    spawner: trans('granted to this server'),
    machine: trans("the machine's, which others use too")
  }[memory.source];
  return (
    <Details label={trans('Memory')}>
      <h2>{trans('Memory')}</h2>
      <p>
        {trans('%1 of %2', gib(memory.used_bytes, language), gib(memory.limit_bytes, language))} (
        {source}). {trans('This server: %1.', gib(memory.own_bytes, language))}
      </p>
      <h3>{trans('Kernels')}</h3>
      {memory.kernels.length === 0 && <p>{trans('None is running.')}</p>}
      <Rows
        rows={memory.kernels.map(
          one => [one.name || '…', '', gib(one.memory_bytes, language)] as const
        )}
      />
      <h3>{trans('Biggest variables')}</h3>
      {!kernelId && <p>{trans('Open a notebook to see its variables.')}</p>}
      {kernelId && variables === undefined && (
        <p role="status">
          {isBusy ? trans('The kernel is busy: told when the cell has ended.') : trans('Asking…')}
        </p>
      )}
      {variables === null && <p>{trans('This kernel does not tell its variables.')}</p>}
      {variables?.length === 0 && <p>{trans('There is none.')}</p>}
      {variables && (
        <Rows
          rows={variables.map(
            one =>
              [
                one.name,
                one.shape ? `${one.kind} (${one.shape})` : one.kind,
                gib(one.size_bytes, language)
              ] as const
          )}
        />
      )}
    </Details>
  );
}

/** What fills the home. */
export function HomeDetails(props: Words & { home: Home }): JSX.Element {
  const { home, trans, language } = props;
  return (
    <Details label={trans('Home')}>
      <h2>{trans('Home')}</h2>
      <p>
        {trans('%1 of %2', gib(home.used_bytes, language), gib(home.quota_bytes, language))}
        {'. '}
        {home.is_shared
          ? trans('The disk is shared with others; your files take %1.', gib(home.own_bytes, language))
          : trans('%1 are left.', gib(home.free_bytes, language))}
      </p>
      <Rows rows={home.biggest.map(one => [one.path, '', gib(one.size_bytes, language)] as const)} />
    </Details>
  );
}
