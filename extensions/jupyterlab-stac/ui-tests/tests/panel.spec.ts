/** The panel in a Lab, by Galata: what a reader does with it. */

import { expect, galata, test, type IJupyterLabPageFixture } from '@jupyterlab/galata';

const API = 'Earth Search';

/** Open the panel and search; its root. */
async function searched(page: IJupyterLabPageFixture) {
  await page.evaluate(async () => {
    await window.jupyterapp.commands.execute('jupyterlab-stac:open');
  });
  const panel = page.locator('.jp-Stac');
  await panel.getByLabel('STAC API').selectOption({ label: API });
  await panel.locator('.jp-Stac-collections input').first().waitFor();
  await panel.getByRole('button', { name: 'Search', exact: true }).click();
  await expect(panel.getByText('12 of 24 items')).toBeVisible();
  return panel;
}

test('is in the launcher and in the palette', async ({ page }) => {
  await expect(page.locator('.jp-LauncherCard', { hasText: 'STAC catalogue' })).toBeVisible();
  await page.evaluate(async () => {
    await window.jupyterapp.commands.execute('apputils:activate-command-palette');
  });
  const palette = page.locator('#modal-command-palette');
  await palette.locator('input').fill('STAC catalogue');
  await palette.getByText('STAC catalogue').first().click();
  await expect(page.locator('.jp-Stac')).toBeVisible();
  await expect(page.getByRole('main').getByRole('tab', { name: 'STAC catalogue' })).toBeVisible();
});

test('finds items, opens one, and shows them in a table', async ({ page }) => {
  const panel = await searched(page);
  await panel.locator('.jp-Stac-card').nth(1).click();
  await expect(panel.getByRole('heading', { level: 2 })).toContainText('S2B_31TFJ');
  await panel.getByRole('button', { name: 'Table' }).click();
  await expect(panel.getByRole('grid').locator('tr[data-key]')).toHaveCount(12);
  await expect(panel.locator('tr[aria-selected=true]')).toContainText('S2B_31TFJ');
});

test('puts code into the notebook that is in use', async ({ page }) => {
  await page.notebook.createNew('used.ipynb');
  const panel = await searched(page);
  await panel.locator('.jp-Stac-card').first().click();
  await panel.getByRole('button', { name: 'Open in notebook' }).first().click();
  await page.notebook.activate('used.ipynb');
  const cell = page.locator('.jp-NotebookPanel .jp-CodeCell').first();
  await expect(cell).toContainText('Client.open');
  await expect(cell).toContainText('S2A_31TFJ');
});

test('gives a card to a notebook that it is dragged into', async ({ page }) => {
  await page.notebook.createNew('beside.ipynb');
  const panel = await searched(page);
  // side by side
  await page.evaluate(() => {
    const { shell } = window.jupyterapp as unknown as {
      shell: { widgets(area: string): Iterable<{ id: string }>; add(w: unknown, area: string, o: unknown): void };
    };
    const catalogue = [...shell.widgets('main')].find(one => one.id === 'jupyterlab-stac');
    shell.add(catalogue, 'main', { mode: 'split-left' });
  });
  const notebook = page.locator('.jp-NotebookPanel');
  await expect(notebook).toBeVisible();
  const from = await panel.locator('.jp-Stac-card').first().boundingBox();
  const to = await notebook.locator('.jp-CodeCell').first().boundingBox();
  if (!from || !to) {
    throw new Error('a card and a cell are to be seen');
  }
  await page.mouse.move(from.x + from.width / 2, from.y + 40);
  await page.mouse.down();
  await page.mouse.move(from.x + from.width / 2 + 20, from.y + 60, { steps: 4 });
  await page.mouse.move(to.x + to.width / 2, to.y + to.height / 2, { steps: 10 });
  await page.mouse.up();
  await expect(notebook.locator('.jp-CodeCell')).toHaveCount(2);
  await expect(notebook).toContainText('S2A_31TFJ');
});

test.describe('in French', () => {
  test.use({
    mockSettings: { ...galata.DEFAULT_SETTINGS, 'jupyterlab-stac:plugin': { language: 'fr' } }
  });

  test('it speaks French, whatever Lab speaks', async ({ page }) => {
    await page.locator('.jp-LauncherCard', { hasText: 'STAC catalogue' }).click();
    const panel = page.locator('.jp-Stac');
    await panel.locator('.jp-Stac-collections input').first().waitFor();
    await expect(panel.getByRole('button', { name: 'Chercher', exact: true })).toBeVisible();
  });
});
