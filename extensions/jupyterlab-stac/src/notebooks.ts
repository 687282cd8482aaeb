/** Code into notebooks: inserted, or dragged. */

import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { MimeData } from '@lumino/coreutils';
import { Drag } from '@lumino/dragdrop';

// what notebooks take when cells are dropped on them
const CELLS = 'application/vnd.jupyter.cells';

/** Writes code into the notebook that is in use, or into a new one. */
export class NotebookWriter {
  constructor(
    private readonly app: JupyterFrontEnd,
    private readonly tracker: INotebookTracker | null
  ) {}

  /**
   * Put code into a new cell below the active one; it is not run.
   *
   * @throws Error when there is no notebook and none can be made.
   */
  async insert(code: string): Promise<void> {
    const { NotebookActions } = await import('@jupyterlab/notebook');
    const panel = this.tracker?.currentWidget ?? (await this.create());
    if (!panel) {
      throw new Error('No notebook can be made here.');
    }
    await panel.context.ready;
    const notebook = panel.content;
    const active = notebook.activeCell;
    // an empty cell is taken as it is
    if (!active || active.model.type !== 'code' || active.model.sharedModel.getSource().trim()) {
      NotebookActions.insertBelow(notebook);
    }
    notebook.activeCell?.model.sharedModel.setSource(code);
    this.app.shell.activateById(panel.id);
  }

  /** Begin to drag code; a notebook takes it as a cell. */
  drag(code: string, label: string, x: number, y: number): void {
    const image = document.createElement('div');
    image.className = 'jp-dragImage';
    image.textContent = label.slice(0, 60);
    const mimeData = new MimeData();
    mimeData.setData('text/plain', code);
    mimeData.setData(CELLS, [
      { cell_type: 'code', source: code, metadata: {}, outputs: [], execution_count: null }
    ]);
    const drag = new Drag({
      mimeData,
      dragImage: image,
      proposedAction: 'copy',
      supportedActions: 'copy',
      source: this
    });
    void drag.start(x, y).then(() => drag.dispose());
  }

  private async create(): Promise<NotebookPanel | null> {
    const { commands, serviceManager } = this.app;
    if (!commands.hasCommand('notebook:create-new')) {
      return null;
    }
    await serviceManager.kernelspecs.ready;
    const kernelName = serviceManager.kernelspecs.specs?.default;
    return (await commands.execute('notebook:create-new', { kernelName })) as NotebookPanel;
  }
}
