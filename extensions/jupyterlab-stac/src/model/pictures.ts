/** Pictures of items: what is shown small, and what is laid over the map. */

import type { BBox, StacAsset, StacItem } from '../stac';
import { bboxOf, extentOf, footprintOf } from './footprints';
import { dataAssets } from './python';

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

export interface MapPicture {
  readonly href: string;
  /** Whether the server has to draw it, since browsers do not know its format. */
  readonly drawn: boolean;
  /** Box it is laid over; its edges need not be parallels and meridians: it lies there roughly. */
  readonly box: BBox;
}

/** Picture of an item for the map; null without one, without an area, or across the antimeridian. */
export function mapPictureOf(item: StacItem): MapPicture | null {
  const box = bboxOf(item.bbox) ?? extentOf([footprintOf(item)]);
  if (!box || box[0] >= box[2] || box[1] >= box[3]) {
    return null;
  }
  const thumbnail = thumbnailOf(item);
  if (thumbnail) {
    return { href: thumbnail.href, drawn: false, box };
  }
  const cog = dataAssets(item).find(([, asset]) => /profile=cloud-optimized/.test(asset.type ?? ''));
  return cog ? { href: cog[1].href, drawn: true, box } : null;
}
