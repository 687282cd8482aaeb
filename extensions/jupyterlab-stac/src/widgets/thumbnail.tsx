/** Small picture of an item; of private buckets by a signed address. */

import * as React from 'react';

import type { StacAsset, StacItem } from '../stac';
import { usePanel } from './context';

/** Asset to show as a small picture: what says so of itself, in a format that browsers know. */
export function thumbnailOf(item: StacItem): StacAsset | null {
  const assets = Object.entries(item.assets).filter(
    ([, asset]) => typeof asset?.href === 'string'
  );
  const shows = ([, asset]: [string, StacAsset]): boolean =>
    asset.type ? /^image\/(png|jpe?g|webp|gif)/.test(asset.type) : /\.(png|jpe?g|webp)$/i.test(asset.href);
  const found =
    assets.find(one => one[1].roles?.includes('thumbnail') && shows(one)) ??
    assets.find(([name, asset]) => /^(thumbnail|rendered_preview|preview|quicklook)$/.test(name) && shows([name, asset])) ??
    assets.find(one => one[1].roles?.includes('overview') && shows(one));
  return found?.[1] ?? null;
}

export function Thumbnail({ item }: { item: StacItem }): JSX.Element {
  const { model, t } = usePanel();
  const asset = thumbnailOf(item);
  const ref = React.useRef<HTMLDivElement>(null);
  const [near, setNear] = React.useState(false);
  const [address, setAddress] = React.useState('');
  const [failed, setFailed] = React.useState(0);
  const href = asset?.href ?? '';

  React.useEffect(() => {
    if (!ref.current || near) {
      return;
    }
    const observer = new IntersectionObserver(
      entries => {
        if (entries.some(entry => entry.isIntersecting)) {
          setNear(true);
        }
      },
      { rootMargin: '200px' }
    );
    observer.observe(ref.current);
    return () => observer.disconnect();
  }, [near]);

  React.useEffect(() => {
    if (!near || !href || failed > 1) {
      return;
    }
    let gone = false;
    model.signatures
      .address(href)
      .then(signed => {
        // nothing but a picture of the web is shown, whatever an item says
        if (!gone && /^https?:\/\//i.test(signed.address)) {
          setAddress(signed.address);
        }
      })
      .catch(() => undefined);
    return () => {
      gone = true;
    };
  }, [model, near, href, failed]);

  const shown = address && failed < 2;
  return (
    <div className="jp-Stac-thumbnail" ref={ref}>
      {shown ? (
        <img
          src={address}
          alt=""
          draggable={false}
          referrerPolicy="no-referrer"
          onError={() => {
            // its address may have ended while the panel was open
            model.signatures.forget(href);
            setAddress('');
            setFailed(count => count + 1);
          }}
        />
      ) : (
        <span>{asset && failed < 2 ? '' : t('no picture')}</span>
      )}
    </div>
  );
}
