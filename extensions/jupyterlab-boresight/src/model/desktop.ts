/** The desktop of the server: whether there is one, and what can be opened on it. Knows no page. */

import type { IStacContext, StacAsset, StacItem } from 'jupyterlab-stac';

import { ApiError, type BoresightApi } from '../api';
import { asApiError, sameApi } from './pairs';

/** Names of roles by which an image is preferred, the best first. */
const ROLES = ['data', 'visual', 'overview'];

/** Asset of an item that QGIS draws: an image on the ground or in sensor geometry; null without one. */
export function imageOf(item: StacItem): readonly [string, StacAsset] | null {
  const images = Object.entries(item.assets).filter(([, { href, type }]) =>
    typeof type === 'string' ? /^image\/(tiff|jp2)/.test(type) : /\.(tiff?|jp2)$/i.test(href)
  );
  const rank = ([, asset]: readonly [string, StacAsset]): number => {
    const roles = Array.isArray(asset['roles']) ? (asset['roles'] as unknown[]) : [];
    const at = ROLES.findIndex(role => roles.includes(role));
    return at < 0 ? ROLES.length : at;
  };
  return images.sort((a, b) => rank(a) - rank(b))[0] ?? null;
}

export class DesktopModel {
  constructor(private readonly api: BoresightApi) {}

  /** Whether there is a desktop with QGIS; a server without one is no failure. */
  async find(): Promise<boolean> {
    try {
      const { available, qgis } = await this.api.desktop();
      this.isThere = available && qgis !== false;
    } catch {
      this.isThere = false;
    }
    return this.isThere;
  }

  /** Whether what is chosen can be opened: one item of our own catalogue, with an image. */
  canOpen(context: IStacContext, ownApi: string): boolean {
    const [item, ...others] = context.items;
    return (
      this.isThere &&
      sameApi(context.apiUrl, ownApi) &&
      item !== undefined &&
      others.length === 0 &&
      imageOf(item) !== null
    );
  }

  /**
   * Open the image of an item.
   *
   * @returns Address of the page that shows the desktop.
   * @throws ApiError in words for the reader.
   */
  async open(item: StacItem): Promise<string> {
    const found = imageOf(item);
    if (!found) {
      throw new ApiError('asset', `${item.id} has no image.`, '');
    }
    const [asset, { href }] = found;
    try {
      const wish = { href, collection: item.collection ?? '', item: item.id, asset };
      return (await this.api.openOnDesktop(wish)).url;
    } catch (problem) {
      throw asApiError(problem);
    }
  }

  private isThere = false;
}

