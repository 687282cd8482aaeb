/** Pictures of the items that are chosen or shown, below the footprints. */

import LayerGroup from 'ol/layer/Group';
import ImageLayer from 'ol/layer/Image';
import Static from 'ol/source/ImageStatic';

import type { CatalogueModel } from '../model/catalogue';
import { mapPictureOf, type MapPicture } from '../model/pictures';
import type { StacItem } from '../stac';

/** More would make the map slow, and say nothing. */
const MAX_PICTURES = 20;

export class MapPictures {
  readonly layer = new LayerGroup();
  private order: readonly string[] = [];
  /** By href; null while its address is asked for, and for one that failed. */
  private readonly layers = new Map<string, ImageLayer<Static> | null>();

  constructor(
    private readonly model: CatalogueModel,
    private readonly projection: string
  ) {}

  /** Show the pictures of these items and no others; the first lies on top. */
  take(items: readonly StacItem[]): void {
    const wanted = new Map<string, MapPicture>();
    for (const item of items) {
      const picture = mapPictureOf(item);
      if (picture && wanted.size < MAX_PICTURES) {
        wanted.set(picture.href, picture);
      }
    }
    this.order = [...wanted.keys()].reverse();
    for (const href of this.layers.keys()) {
      if (!wanted.has(href)) {
        this.layers.delete(href);
      }
    }
    this.arrange();
    for (const picture of wanted.values()) {
      if (!this.layers.has(picture.href)) {
        this.layers.set(picture.href, null);
        // without its picture an item is its footprint
        this.add(picture).catch(() => undefined);
      }
    }
  }

  private async add(picture: MapPicture): Promise<void> {
    const url = await this.addressOf(picture);
    if (this.layers.get(picture.href) !== null) {
      return;
    }
    const layer = new ImageLayer({
      source: new Static({
        url,
        imageExtent: [...picture.box],
        projection: this.projection,
        referrerPolicy: 'no-referrer'
      })
    });
    this.layers.set(picture.href, layer);
    this.arrange();
  }

  private arrange(): void {
    const drawn = this.order.flatMap(href => this.layers.get(href) ?? []);
    const held = this.layer.getLayers();
    if (held.getLength() !== drawn.length || drawn.some((layer, i) => held.item(i) !== layer)) {
      held.clear();
      held.extend(drawn);
    }
  }

  private async addressOf({ href, drawn }: MapPicture): Promise<string> {
    if (drawn) {
      const found = await this.model.api.preview(href, { bands: [], stretch: null });
      return `data:image/png;base64,${found.png}`;
    }
    const { address } = await this.model.signatures.address(href);
    // nothing but a picture of the web, whatever an item says
    if (!/^https?:\/\//i.test(address)) {
      throw new Error(`${href} is no address of the web.`);
    }
    return address;
  }
}
