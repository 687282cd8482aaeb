import { BoresightApi, type Job } from '../api';
import { answer, context, item, job, pair, Server } from '../testing/answers';
import { canSearch, PairsModel, sameApi } from './pairs';

const OWN = 'https://hub/services/stac';

describe('where pairs are offered', () => {
  it.each([
    ['one image of ours', context(), true],
    ['the address with a slash', context({ apiUrl: `${OWN}/` }), true],
    ['another API', context({ apiUrl: 'https://elsewhere/stac' }), false],
    ['two images', context({ items: [item('a'), item('b')] }), false],
    ['a surface model', context({ items: [item('a', { 'boresight:level': 'L3' })] }), false],
    ['an item without geometry', context({ items: [{ ...item('a'), geometry: null }] }), false],
    ['a drawn box', context({ items: [], bbox: [1, 2, 3, 4] }), true],
    ['a drawn area', context({ items: [], area: { type: 'Polygon', coordinates: [] } }), true],
    ['nothing', context({ items: [] }), false]
  ])('%s', (_name, given, expected) => {
    expect(canSearch(given, OWN)).toBe(expected);
  });

  it('is nowhere outside an environment', () => {
    expect(canSearch(context({ apiUrl: '' }), '')).toBe(false);
    expect(sameApi(`${OWN}//`, OWN)).toBe(true);
  });
});

describe('a search', () => {
  it('asks for the item by its names, in the language of the reader', async () => {
    const server = new Server({ 'POST pairs': answer() });
    const model = new PairsModel(new BoresightApi(server.transport), 'fr');
    const states: string[] = [];
    model.changed.connect(() => states.push(model.state.status));
    await model.search(context());
    expect(server.asked[0]?.body).toEqual({ language: 'fr', item: { collection: 'l1', id: 'a' } });
    expect(states).toEqual(['searching', 'ready']);
    expect(model.state.title).toBe('a');
  });

  it('asks for a drawn area before its box', async () => {
    const server = new Server({ 'POST pairs': answer() });
    const model = new PairsModel(new BoresightApi(server.transport), 'en');
    const area = { type: 'Polygon', coordinates: [] } as const;
    await model.search(context({ items: [], bbox: [1, 2, 3, 4], area: { ...area, coordinates: [] } }));
    expect(server.asked[0]?.body).toEqual({ language: 'en', area });
    await model.search(context({ items: [], bbox: [1, 2, 3, 4] }));
    expect(server.asked[1]?.body).toEqual({ language: 'en', bbox: [1, 2, 3, 4] });
  });

  it('tells what went wrong, and does it again', async () => {
    const server = new Server({ 'POST pairs': [502, { kind: 'CatalogueError', message: 'Away.' }] });
    const model = new PairsModel(new BoresightApi(server.transport), 'en');
    await model.retry();
    expect(server.asked).toEqual([]);
    await model.search(context());
    expect(model.state.status).toBe('failed');
    expect(model.state.problem?.message).toBe('Away.');
    server.answers['POST pairs'] = answer();
    await model.retry();
    expect(model.state.status).toBe('ready');
    expect(model.state.problem).toBeNull();
  });

  it('is given up by the next one, however late it answers', async () => {
    let answerFirst: (value: unknown) => void = () => undefined;
    const slow = new Promise(resolve => {
      answerFirst = resolve;
    });
    const server = new Server({ 'POST pairs': () => slow });
    const model = new PairsModel(new BoresightApi(server.transport), 'en');
    const first = model.search(context());
    server.answers['POST pairs'] = answer({ pairs: [pair('x', 'y')] });
    await model.search(context({ items: [item('x')] }));
    answerFirst(answer());
    await first;
    expect(model.state.title).toBe('x');
    expect(model.state.answer?.pairs[0]?.left.id).toBe('x');
  });
});

describe('after a reload', () => {
  const saved = async () => {
    const model = new PairsModel(
      new BoresightApi(new Server({ 'POST pairs': answer() }).transport),
      'en'
    );
    expect(model.saved).toBeNull();
    await model.search(context());
    return JSON.parse(JSON.stringify(model.saved)) as unknown;
  };

  it('the last search is made anew, and its pairs go onto the map', async () => {
    const server = new Server({ 'POST pairs': answer() });
    const shown: string[][] = [];
    const model = new PairsModel(new BoresightApi(server.transport), 'fr', items =>
      shown.push(items.map(one => one.id))
    );
    await model.restore(await saved());
    expect(server.asked[0]?.body).toEqual({ language: 'fr', item: { collection: 'l1', id: 'a' } });
    expect([model.state.status, model.state.title]).toEqual(['ready', 'a']);
    model.select(pair('a', 'b').id);
    expect(shown).toEqual([['a', 'b']]);
  });

  it('a search that was made since stays', async () => {
    const server = new Server({ 'POST pairs': answer() });
    const model = new PairsModel(new BoresightApi(server.transport), 'en');
    await model.search(context({ items: [item('x')] }));
    await model.restore(await saved());
    expect(model.state.title).toBe('x');
    expect(server.asked).toHaveLength(1);
  });

  it.each([undefined, null, {}, { title: 'a' }, { title: 'a', wish: {} }, { wish: { item: {} } }, 'a'])(
    'nothing is searched with %j',
    async wrong => {
      const server = new Server({ 'POST pairs': answer() });
      const model = new PairsModel(new BoresightApi(server.transport), 'en');
      await model.restore(wrong);
      expect(server.asked).toEqual([]);
      expect(model.state.status).toBe('idle');
    }
  );
});

describe('a pair', () => {
  it('is shown on the map until it is let go of', async () => {
    const model = new PairsModel(
      new BoresightApi(new Server({ 'POST pairs': answer() }).transport),
      'en'
    );
    const chosen = context();
    await model.search(chosen);
    const id = pair('a', 'b').id;
    model.select(id);
    expect(model.state.selected).toBe(id);
    model.select(id);
    expect(model.state.selected).toBeNull();
    expect(chosen.shown).toEqual([['a', 'b'], []]);
  });

  it('is made into a surface model once, however often one clicks', async () => {
    const server = new Server({ 'POST pairs': answer(), 'POST jobs': job('1') });
    const model = new PairsModel(new BoresightApi(server.transport), 'en');
    const started: Job[] = [];
    model.started.connect((_model, one) => started.push(one));
    await model.search(context());
    const id = pair('a', 'b').id;
    await Promise.all([model.makeDsm(id), model.makeDsm(id)]);
    await model.makeDsm('unknown');
    expect(started.map(one => one.id)).toEqual(['1']);
    expect(server.asked.filter(one => one.path === 'jobs')).toHaveLength(1);
    expect(server.asked.at(-1)?.body).toEqual({
      left: { collection: 'l1', id: 'a' },
      right: { collection: 'l1', id: 'b' }
    });
    expect(model.state.starting).toBeNull();
  });

  it('whose job does not start says why', async () => {
    const refusal = [409, { kind: 'JobError', message: '8 jobs are queued.', remedy: 'Wait.' }];
    const server = new Server({ 'POST pairs': answer(), 'POST jobs': refusal });
    const model = new PairsModel(new BoresightApi(server.transport), 'en');
    await model.search(context());
    await model.makeDsm(pair('a', 'b').id);
    expect(model.state.problem?.message).toBe('8 jobs are queued.');
    expect(model.state.status).toBe('ready');
    expect(model.state.starting).toBeNull();
  });
});
