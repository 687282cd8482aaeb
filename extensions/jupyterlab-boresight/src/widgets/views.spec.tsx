import React, { act } from 'react';

import { createRoot, type Root } from 'react-dom/client';

import { BoresightApi, type Job } from '../api';
import { FRENCH } from '../french';
import { translator } from '../i18n';
import { JobsModel } from '../model/jobs';
import { PairsModel } from '../model/pairs';
import { answer, context, done, job, pair, score, Server } from '../testing/answers';
import { isLink, JobsView } from './jobs';
import { PairsView } from './pairs';

(globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;

const HOSTILE = '<img src=x onerror="window.hit=1"><script>window.hit=1</script>';

let root: Root;
let page: HTMLElement;

beforeEach(() => {
  page = document.createElement('div');
  document.body.append(page);
  root = createRoot(page);
});
afterEach(() => {
  act(() => root.unmount());
  page.remove();
});

function button(name: string): HTMLButtonElement {
  const found = [...page.querySelectorAll('button')].find(one => one.textContent === name);
  if (!found) {
    throw new Error(`no button '${name}' among ${page.textContent}`);
  }
  return found;
}

async function click(target: HTMLElement): Promise<void> {
  await act(async () => {
    target.click();
    await Promise.resolve();
  });
}

describe('the view of pairs', () => {
  async function show(answers: Record<string, unknown>, language = 'en'): Promise<[PairsModel, Server]> {
    const server = new Server(answers);
    const model = new PairsModel(new BoresightApi(server.transport), language);
    const draw = () =>
      act(() =>
        root.render(
          <PairsView model={model} trans={translator(language)} language={language} hasCatalogue />
        )
      );
    draw();
    expect(page.textContent).toContain(language === 'fr' ? FRENCH['Find stereo pairs'] : 'Find stereo pairs');
    await act(async () => model.search(context()));
    model.changed.connect(draw);
    draw();
    return [model, server];
  }

  it('explains every score with a bar, a word and a sentence', async () => {
    const scores = [
      score(),
      score({ criterion: 'time_apart', score: 0.3, verdict: 'poor', sentence: 'Taken 70 days apart.' })
    ];
    await show({ 'POST pairs': answer({ pairs: [pair('a', 'b', { scores })] }) });
    expect([...page.querySelectorAll('dd')].map(one => one.textContent)).toEqual([
      'They share 97 % of the smaller image.',
      'Taken 70 days apart.'
    ]);
    const bars = [...page.querySelectorAll<HTMLElement>('.jp-boresight-bar > span')];
    expect(bars.map(one => one.style.width)).toEqual(['100%', '30%']);
    expect(page.textContent).toContain('Score 93 %');
    expect(page.textContent).toContain('One pair among 2 images.');
    expect(page.textContent).toContain('B/H 0.28');
  });

  it('shows a pair on the map and starts its surface model by its buttons', async () => {
    const [, server] = await show({ 'POST pairs': answer(), 'POST jobs': job('1') });
    await click(button('Show on the map'));
    expect(button('Shown on the map').getAttribute('aria-pressed')).toBe('true');
    await click(button('Make a DSM of this pair'));
    expect(server.asked.at(-1)?.path).toBe('jobs');
  });

  it('names what could not take part, and that there is more', async () => {
    const left_out = [{ collection: 'l1', id: 'x', reason: 'angles', words: 'x has no angles.' }];
    await show({ 'POST pairs': answer({ pairs: [], n_items: 200, is_truncated: true, left_out }) });
    expect(page.textContent).toContain('No pair among 200 images');
    expect(page.textContent).toContain('search a smaller area');
    expect(page.textContent).toContain('x has no angles.');
  });

  it('tells a failure and offers to search again', async () => {
    const [, server] = await show({ 'POST pairs': [502, { message: 'Away.', remedy: 'Wait.' }] });
    expect(page.querySelector('[role=alert]')?.textContent).toContain('Away.Wait.');
    server.answers['POST pairs'] = answer();
    await click(button('Search again'));
    expect(page.querySelector('[role=alert]')).toBeNull();
  });

  it('speaks French', async () => {
    await show({ 'POST pairs': answer() }, 'fr');
    expect(page.textContent).toContain('Un couple parmi 2 images.');
    expect(button('Faire un MNS de ce couple')).toBeDefined();
  });

  it('takes no text for a page', async () => {
    const hostile = pair(HOSTILE, 'b', { scores: [score({ sentence: HOSTILE, criterion: HOSTILE })] });
    const left_out = [{ collection: 'l1', id: HOSTILE, reason: 'angles', words: HOSTILE }];
    await show({ 'POST pairs': answer({ pairs: [hostile], left_out }) });
    expect(page.querySelectorAll('img, script')).toHaveLength(0);
    expect((window as { hit?: number }).hit).toBeUndefined();
    expect(page.textContent).toContain(HOSTILE);
  });
});

describe('the view of jobs', () => {
  async function show(jobs: Job[], map = true): Promise<[Server, string[]]> {
    const server = new Server({
      'GET jobs': { jobs },
      'POST jobs/1/cancel': job('1', { is_cancelling: true }),
      'GET jobs/1/log': { text: `line ${HOSTILE}`, end: 5 },
      'DELETE jobs/1': { jobs: [] }
    });
    const model = new JobsModel(new BoresightApi(server.transport));
    const did: string[] = [];
    const draw = () =>
      act(() =>
        root.render(
          <JobsView
            model={model}
            trans={translator('en')}
            language="en"
            showOnMap={map ? one => did.push(`map ${one.id}`) : null}
            openNotebook={one => did.push(`notebook ${one.id}`)}
          />
        )
      );
    await act(async () => model.refresh());
    model.changed.connect(draw);
    draw();
    return [server, did];
  }

  it('tells what runs, on how many workers, why some are missing, how long it takes', async () => {
    await show([job('1')]);
    const text = page.textContent ?? '';
    expect(text).toContain('matching · 1 of 2 workers · about 2 min 5 s left');
    expect(text).toContain('One worker is starting.');
    expect(page.querySelector('progress')?.value).toBe(0.25);
    expect(page.querySelector('a')?.getAttribute('href')).toBe('https://hub/dashboard');
    await click(button('Cancel'));
    expect(page.textContent).toContain('cancelling');
    expect(button('Cancel').disabled).toBe(true);
  });

  it('offers the result on the map and in a notebook', async () => {
    const [, did] = await show([done('1')]);
    expect(page.textContent).toContain('Took 1 min 15 s · pair-dsm-1');
    await click(button('Show on the map'));
    await click(button('Open a notebook'));
    expect(did).toEqual(['map 1', 'notebook 1']);
    await click(button('Forget'));
    expect(page.querySelectorAll('[data-job]')).toHaveLength(0);
  });

  it('offers no map where the catalogue is not installed', async () => {
    await show([done('1')], false);
    expect(page.textContent).not.toContain('Show on the map');
    expect(button('Open a notebook')).toBeDefined();
  });

  it('tells why a job failed, and its log, as text', async () => {
    await show([job('1', { state: 'failed', error: HOSTILE, remedy: 'Try again.', left_s: null })]);
    expect(page.textContent).toContain(`${HOSTILE} Try again.`);
    await click(button('Log'));
    expect(page.querySelector('pre')?.textContent).toBe(`line ${HOSTILE}`);
    expect(button('Log').getAttribute('aria-expanded')).toBe('true');
    expect(page.querySelectorAll('img, script')).toHaveLength(0);
  });

  it.each([
    ['https://hub/x', true],
    ['http://127.0.0.1/x', true],
    ['javascript:alert(1)', false],
    ['data:text/html,x', false],
    ['', false]
  ])('opens %s: %s', (url, expected) => {
    expect(isLink(url)).toBe(expected);
  });
});
