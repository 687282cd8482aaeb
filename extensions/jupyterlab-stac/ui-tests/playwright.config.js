// Chromium as the machine has it: none is downloaded. Playwright starts Lab, and ends it.
const { execFileSync } = require('node:child_process');
const path = require('node:path');

const galata = require('@jupyterlab/galata/lib/playwright-config');

const TESTS = path.resolve(__dirname, '../../../tests');
const PYTHON = process.env.PYTHON ?? 'python';
const FREE_PORT = 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])';

// read anew by every worker, which has the variables of the first reader
process.env.GALATA_PORT ??= execFileSync(PYTHON, ['-c', FREE_PORT], { encoding: 'utf8' }).trim();
const baseURL = `http://127.0.0.1:${process.env.GALATA_PORT}`;

module.exports = {
  ...galata,
  testDir: 'tests',
  outputDir: process.env.GALATA_OUTPUT ?? 'test-results',
  reporter: 'list',
  timeout: 180_000,
  expect: { timeout: 60_000 },
  workers: 1,
  use: {
    ...galata.use,
    baseURL,
    viewport: { width: 1400, height: 900 },
    // both need programs that Playwright would download
    trace: 'off',
    video: 'off',
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-gpu', '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1']
    }
  },
  webServer: {
    command: `${PYTHON} -m support.galata_lab ${process.env.GALATA_PORT}`,
    env: { ...process.env, PYTHONPATH: TESTS },
    url: `${baseURL}/lab`,
    timeout: 300_000,
    gracefulShutdown: { signal: 'SIGTERM', timeout: 20_000 }
  }
};
