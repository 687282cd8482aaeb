/** One item: what it is, its assets, what can be done with it. */

import * as React from 'react';

import type { DownloadState } from '../api';
import { bytes, dayOf, duration, mediaName, rowsOf, sizeOf } from '../model/format';
import { told, toldBody } from '../model/problems';
import { isRaster } from '../model/python';
import type { StacAsset, StacItem } from '../stac';
import { usePanel, useActions, useChanges } from './context';
import { Preview } from './preview';
import { SkyPlot } from './skyplot';

export function ItemView(): JSX.Element | null {
  const { model, t, language } = usePanel();
  useChanges(model, 'open');
  const item = model.opened;
  const heading = React.useRef<HTMLHeadingElement>(null);
  const id = item?.id;
  React.useEffect(() => {
    heading.current?.scrollIntoView({ block: 'nearest' });
  }, [id]);
  if (!item) {
    return null;
  }
  const description = item.properties['description'];
  return (
    <aside className="jp-Stac-item" aria-label={t('Item %1', item.id)}>
      <div className="jp-Stac-itemHead">
        <h2 ref={heading}>{item.id}</h2>
        <button type="button" className="jp-Stac-button" onClick={() => model.open(null)}>
          {t('Close')}
        </button>
      </div>
      <p className="jp-Stac-hint">{[item.collection, dayOf(item)].filter(Boolean).join(' · ')}</p>
      {typeof description === 'string' && <p>{description.slice(0, 1000)}</p>}
      <Actions item={item} />
      <h3>{t('Assets')}</h3>
      <Assets key={item.id} item={item} />
      <SkyPlot item={item} />
      <h3>{t('Properties')}</h3>
      <table className="jp-Stac-properties">
        <tbody>
          {rowsOf(item, t, language).map(row => (
            <tr key={row.key}>
              <th scope="row" title={row.key}>
                {row.label}
              </th>
              <td>{row.value}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </aside>
  );
}

function Actions({ item }: { item: StacItem }): JSX.Element {
  const { t } = usePanel();
  const items = React.useMemo(() => [item], [item]);
  const { offered, run } = useActions(items);
  return (
    <div className="jp-Stac-row" role="group" aria-label={t('Actions')}>
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
    </div>
  );
}

function Assets({ item }: { item: StacItem }): JSX.Element {
  const { t } = usePanel();
  const [shown, setShown] = React.useState<string | null>(null);
  const assets = Object.entries(item.assets).filter(
    ([, asset]) => typeof asset?.href === 'string'
  );
  if (!assets.length) {
    return <p className="jp-Stac-hint">{t('This item has no assets.')}</p>;
  }
  return (
    <ul className="jp-Stac-assets">
      {assets.map(([name, asset]) => (
        <Asset
          key={name}
          name={name}
          asset={asset}
          previewed={shown === name}
          onPreview={() => setShown(shown === name ? null : name)}
        />
      ))}
    </ul>
  );
}

interface AssetProps {
  readonly name: string;
  readonly asset: StacAsset;
  readonly previewed: boolean;
  onPreview(): void;
}

function Asset({ name, asset, previewed, onPreview }: AssetProps): JSX.Element {
  const { model, t, language, copy, say } = usePanel();
  const [note, setNote] = React.useState('');
  const [problem, setProblem] = React.useState<unknown>(null);
  const left = useLeft(asset.href);
  const size = sizeOf(asset);
  const facts = [
    mediaName(asset.type, asset.href) || t('unknown type'),
    size === null ? '' : bytes(size, language),
    ...(asset.roles ?? [])
  ].filter(Boolean);
  const title = asset.title || name;

  const copyLink = (): void => {
    setProblem(null);
    model.signatures
      .address(asset.href)
      .then(async signed => {
        await copy(signed.address);
        const life = model.signatures.left(asset.href) ?? Infinity;
        const words = Number.isFinite(life)
          ? t('Link copied; it is valid for %1.', duration(life, t))
          : t('Link copied.');
        setNote(words);
        say(words);
      })
      .catch((wrong: unknown) => setProblem(wrong));
  };

  return (
    <li>
      <strong title={asset.description?.slice(0, 500)}>{title}</strong>
      <span className="jp-Stac-hint">{facts.join(' · ')}</span>
      {left !== null && Number.isFinite(left) && (
        <span className={left > 0 ? 'jp-Stac-hint' : 'jp-Stac-problem'}>
          {left > 0
            ? t('Link valid for %1', duration(left, t))
            : t('The link has ended: copy it anew.')}
        </span>
      )}
      <div className="jp-Stac-row" role="group" aria-label={title}>
        {isRaster(asset) && (
          <button type="button" className="jp-Stac-button" aria-expanded={previewed} onClick={onPreview}>
            {t('Preview')}
          </button>
        )}
        <button type="button" className="jp-Stac-button" onClick={copyLink}>
          {t('Copy link')}
        </button>
        <DownloadButton href={asset.href} />
      </div>
      <span role="status" className="jp-Stac-hint">
        {note}
      </span>
      {problem !== null && (
        <p className="jp-Stac-problem" role="alert">
          {told(problem, t)}
        </p>
      )}
      {previewed && <Preview href={asset.href} title={title} />}
    </li>
  );
}

/** Seconds that the link of an href still lives; looked at every few seconds. */
function useLeft(href: string): number | null {
  const { model } = usePanel();
  const [left, setLeft] = React.useState<number | null>(null);
  React.useEffect(() => {
    const look = (): void => setLeft(model.signatures.left(href));
    look();
    const timer = setInterval(look, 2000);
    return () => clearInterval(timer);
  }, [model, href]);
  return left;
}

const POLL_MS = 500;

function DownloadButton({ href }: { href: string }): JSX.Element {
  const { model, t, language, folder, say } = usePanel();
  const [state, setState] = React.useState<DownloadState | null>(null);
  const [problem, setProblem] = React.useState<unknown>(null);
  const key = state?.state === 'running' ? state.key : null;

  React.useEffect(() => {
    if (key === null) {
      return;
    }
    const timer = setInterval(() => {
      model.api
        .downloads()
        .then(all => {
          const mine = all.find(one => one.key === key) ?? null;
          setState(mine);
          if (mine?.state === 'done') {
            say(t('%1 is in your folder.', mine.path));
          }
        })
        .catch((wrong: unknown) => setProblem(wrong));
    }, POLL_MS);
    return () => clearInterval(timer);
  }, [model, key, t, say]);

  const begin = (): void => {
    setProblem(null);
    model.api.download(href, folder()).then(setState, setProblem);
  };
  const { done_bytes: done = 0, total_bytes: total = null } = state ?? {};
  return (
    <>
      {key === null ? (
        <button type="button" className="jp-Stac-button" onClick={begin}>
          {t('Download')}
        </button>
      ) : (
        <>
          <progress
            aria-label={t('Download')}
            {...(total ? { max: total, value: done } : {})}
          />
          <span className="jp-Stac-hint">
            {bytes(done, language)}
            {total ? ` / ${bytes(total, language)}` : ''}
          </span>
          <button
            type="button"
            className="jp-Stac-button"
            onClick={() => void model.api.cancelDownload(key).catch(setProblem)}
          >
            {t('Cancel')}
          </button>
        </>
      )}
      {state?.state === 'done' && (
        <span role="status" className="jp-Stac-hint">
          {t('%1 is in your folder.', state.path)}
        </span>
      )}
      {state?.state === 'failed' && state.error && (
        <span role="alert" className="jp-Stac-problem">
          {toldBody(state.error, t)}
        </span>
      )}
      {problem !== null && (
        <span role="alert" className="jp-Stac-problem">
          {told(problem, t)}
        </span>
      )}
    </>
  );
}
