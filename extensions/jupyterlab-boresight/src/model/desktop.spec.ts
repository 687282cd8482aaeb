import type { StacItem } from 'jupyterlab-stac';

import { BoresightApi } from '../api';
import { context, item, Server } from '../testing/answers';
import { DesktopModel, imageOf } from './desktop';

const OWN = 'https://hub/services/stac';
const THERE = { available: true, url: '/user/marie/boresight/desktop/view', qgis: true };
const COG = 'image/tiff; application=geotiff; profile=cloud-optimized';

function withAssets(assets: Record<string, { href: string; type?: string; roles?: string[] }>): StacItem {
  return { ...item('a'), assets };
}

const IMAGE = withAssets({
  thumbnail: { href: 'https://s3/t.png', type: 'image/png', roles: ['thumbnail'] },
  mask: { href: 'https://s3/mask.tif', type: COG, roles: ['mask'] },
  image: { href: 'https://s3/image.tif', type: COG, roles: ['data'] }
});

describe('the image of an item', () => {
  it.each([
    ['data before a mask', IMAGE, 'image'],
    ['one without a type', withAssets({ a: { href: 'https://s3/a.TIF' } }), 'a'],
    ['one without roles', withAssets({ a: { href: 'https://s3/a', type: 'image/tiff' } }), 'a'],
    ['no picture of the web', withAssets({ a: { href: 'https://s3/a.png', type: 'image/png' } }), undefined],
    ['nothing', item('a'), undefined]
  ])('%s', (_name, given, expected) => {
    expect(imageOf(given)?.[0]).toBe(expected);
  });
});

describe('opening on the desktop', () => {
  const given = (desktop: unknown): [DesktopModel, Server] => {
    const server = new Server({
      'GET boresight/desktop': desktop,
      'POST boresight/desktop/open': [202, { url: THERE.url, request: '1' }]
    });
    return [new DesktopModel(new BoresightApi(server.transport)), server];
  };

  it.each([
    ['one image of ours', context({ items: [IMAGE] }), true],
    ['another API', context({ items: [IMAGE], apiUrl: 'https://elsewhere/stac' }), false],
    ['two images', context({ items: [IMAGE, IMAGE] }), false],
    ['an item without an image', context(), false],
    ['nothing', context({ items: [] }), false]
  ])('is offered for %s: %s', async (_name, chosen, expected) => {
    const [model] = given(THERE);
    expect(model.canOpen(chosen, OWN)).toBe(false);
    expect(await model.find()).toBe(true);
    expect(model.canOpen(chosen, OWN)).toBe(expected);
  });

  it.each([
    ['has none', { available: false, why: 'TigerVNC is not installed.', url: '' }],
    ['has no QGIS', { ...THERE, qgis: false }],
    ['knows of no desktop', [404, 'Not found']],
    ['does not answer', new TypeError('network')]
  ])('is not offered where the server %s', async (_name, desktop) => {
    const [model] = given(desktop);
    expect(await model.find()).toBe(false);
    expect(model.canOpen(context({ items: [IMAGE] }), OWN)).toBe(false);
  });

  it('asks for the asset by its names, and leads to the desktop', async () => {
    const [model, server] = given(THERE);
    expect(await model.open(IMAGE)).toBe(THERE.url);
    expect(server.asked.at(-1)).toEqual({
      path: 'boresight/desktop/open',
      method: 'POST',
      body: { href: 'https://s3/image.tif', collection: 'l1', item: 'a', asset: 'image' }
    });
  });

  it('tells in words what the server refuses', async () => {
    const [model, server] = given(THERE);
    server.answers['POST boresight/desktop/open'] = [403, { message: 'It is not yours to read.' }];
    await expect(model.open(IMAGE)).rejects.toThrow('It is not yours to read.');
    await expect(model.open(item('a'))).rejects.toThrow('a has no image.');
  });
});
