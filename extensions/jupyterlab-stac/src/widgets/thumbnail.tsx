/** Small picture of an item; of private buckets by a signed address. */

import * as React from 'react';

import { thumbnailOf } from '../model/pictures';
import type { StacItem } from '../stac';
import { usePanel } from './context';

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
