import { BoresightApi } from '../api';
import { done, job, Server } from '../testing/answers';
import { JobsModel } from './jobs';

function modelOf(answers: Record<string, unknown>): [JobsModel, Server] {
  const server = new Server(answers);
  return [new JobsModel(new BoresightApi(server.transport)), server];
}

const flush = () => jest.advanceTimersByTimeAsync(0);

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

describe('looking at jobs', () => {
  it('is often while one is at work, seldom otherwise, and ends with who looks', async () => {
    const [model, server] = modelOf({ 'GET jobs': { jobs: [job('1')] } });
    model.watch(true);
    await flush();
    expect(server.asked).toHaveLength(1);
    await jest.advanceTimersByTimeAsync(2000);
    expect(server.asked).toHaveLength(2);
    server.answers['GET jobs'] = { jobs: [done('1')] };
    await jest.advanceTimersByTimeAsync(2000);
    expect(server.asked).toHaveLength(3);
    await jest.advanceTimersByTimeAsync(14_000);
    expect(server.asked).toHaveLength(3);
    await jest.advanceTimersByTimeAsync(2000);
    expect(server.asked).toHaveLength(4);
    model.watch(false);
    await jest.advanceTimersByTimeAsync(60_000);
    expect(server.asked).toHaveLength(4);
  });

  it('asks once at a time, however often one begins', async () => {
    const [model, server] = modelOf({ 'GET jobs': { jobs: [job('1')] } });
    model.watch(true);
    model.watch(true);
    await flush();
    await jest.advanceTimersByTimeAsync(2000);
    expect(server.asked).toHaveLength(3);
    model.watch(false);
  });

  it('tells an end that it has seen, and no other', async () => {
    const [model, server] = modelOf({ 'GET jobs': { jobs: [done('old'), job('new')] } });
    const ended: string[] = [];
    model.ended.connect((_model, one) => ended.push(one.id));
    await model.refresh();
    expect(ended).toEqual([]);
    server.answers['GET jobs'] = { jobs: [done('old'), done('new')] };
    await model.refresh();
    await model.refresh();
    expect(ended).toEqual(['new']);
  });

  it('keeps what it knows while the server is away, and says so', async () => {
    const [model, server] = modelOf({ 'GET jobs': { jobs: [job('1')] } });
    await model.refresh();
    server.answers['GET jobs'] = new TypeError('network');
    await model.refresh();
    expect(model.state.jobs).toHaveLength(1);
    expect(model.state.problem?.kind).toBe('offline');
    server.answers['GET jobs'] = { jobs: [job('1')] };
    await model.refresh();
    expect(model.state.problem).toBeNull();
  });
});

describe('a job', () => {
  it('is cancelled, and that is seen at once', async () => {
    const [model] = modelOf({
      'GET jobs': { jobs: [job('1'), job('2')] },
      'POST jobs/1/cancel': job('1', { is_cancelling: true })
    });
    await model.refresh();
    await model.cancel('1');
    expect(model.state.jobs.map(one => one.is_cancelling)).toEqual([true, false]);
  });

  it('is forgotten with its log', async () => {
    const [model] = modelOf({
      'GET jobs': { jobs: [done('1')] },
      'GET jobs/1/log': { text: 'begin\n', end: 6 },
      'DELETE jobs/1': { jobs: [] }
    });
    await model.refresh();
    await model.toggleLog('1');
    await model.forget('1');
    expect(model.state.jobs).toEqual([]);
    expect(model.state.log).toBeNull();
  });

  it('has a log that is followed while it is open', async () => {
    const [model, server] = modelOf({
      'GET jobs': { jobs: [job('1')] },
      'GET jobs/1/log': { text: 'begin\n', end: 6 },
      'GET jobs/1/log?start=6': { text: 'more\n', end: 11 },
      'GET jobs/1/log?start=11': { text: '', end: 11 }
    });
    await model.toggleLog('1');
    await model.refresh();
    await model.refresh();
    expect(model.state.log).toEqual({ id: '1', text: 'begin\nmore\n', end: 11 });
    await model.toggleLog('1');
    const before = server.asked.length;
    await model.refresh();
    expect(server.asked).toHaveLength(before + 1);
    expect(model.state.log).toBeNull();
  });

  it('that cannot be cancelled says why', async () => {
    const [model] = modelOf({ 'POST jobs/1/cancel': [409, { message: 'There is no job.' }] });
    await model.cancel('1');
    expect(model.state.problem?.message).toBe('There is no job.');
  });
});

it('asks for clusters when it is told to', async () => {
  const [model] = modelOf({ 'GET dask': { clusters: [] } });
  expect(model.state.clusters).toBeNull();
  await model.askClusters();
  expect(model.state.clusters).toEqual([]);
});
