import { ApiError, BoresightApi } from './api';
import { job, Server } from './testing/answers';

const problem = { kind: 'JobError', message: 'There is no job.', remedy: 'List them.' };

describe('calls', () => {
  it('name what they mean', async () => {
    const server = new Server({
      'GET jobs': { jobs: [job('1')] },
      'POST jobs': job('2'),
      'POST jobs/a%2Fb/cancel': job('3'),
      'DELETE jobs/a%2Fb': { jobs: [] },
      'GET jobs/1/log?start=5': { text: 'x', end: 6 },
      'GET jobs/1/log': { text: '', end: 0 },
      'GET dask': { clusters: [] },
      'GET settings': { api: 'u', collection: 'c', n_workers: 2 }
    });
    const api = new BoresightApi(server.transport);
    expect((await api.jobs()).map(one => one.id)).toEqual(['1']);
    const left = { collection: 'l1', id: 'a' };
    expect((await api.start(left, left)).id).toBe('2');
    expect(server.asked.at(-1)?.body).toEqual({ left, right: left });
    // an id cannot lead to another route
    expect((await api.cancel('a/b')).id).toBe('3');
    expect(await api.forget('a/b')).toEqual([]);
    expect(await api.log('1', 5)).toEqual({ text: 'x', end: 6 });
    expect(await api.log('1')).toEqual({ text: '', end: 0 });
    expect(await api.clusters()).toEqual([]);
    expect((await api.settings()).api).toBe('u');
  });

  it.each([
    [[409, problem], 'JobError', 'There is no job.', 'List them.'],
    [[502, '<html>'], 'failed', 'The Jupyter server answers 502.', ''],
    [new TypeError('network'), 'offline', 'The Jupyter server does not answer.', '']
  ])('tell what went wrong: %j', async (value, kind, message, remedy) => {
    const api = new BoresightApi(new Server({ 'GET jobs': value }).transport);
    const error = (await api.jobs().catch((one: unknown) => one)) as ApiError;
    expect(error).toBeInstanceOf(ApiError);
    expect([error.kind, error.message, error.remedy]).toEqual([kind, message, remedy]);
  });
});
