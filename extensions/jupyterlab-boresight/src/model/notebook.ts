/** A notebook that opens a surface model. */

import type { INotebookContent } from '@jupyterlab/nbformat';

/** A text as Python writes it; JSON's form, in ASCII, is Python's too. */
export function python(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    sign => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`
  );
}

/** Name of the notebook of an item: nothing that a folder could not hold. */
export function notebookName(itemId: string): string {
  return `${itemId.replace(/[^A-Za-z0-9._-]+/g, '_').replace(/^\.+/, '') || 'dsm'}.ipynb`;
}

export function notebookOf(collection: string, itemId: string): INotebookContent {
  const code = [
    [
      'from boresight import access',
      'from boresight.workflows.notebook import open_dsm',
      '',
      `item = access.get_item(${python(collection)}, ${python(itemId)})`,
      'dsm = open_dsm(item)',
      'dsm'
    ],
    ["dsm.plot(cmap='terrain', robust=True);"],
    ['{name: asset.href for name, asset in item.assets.items()}']
  ];
  return {
    nbformat: 4,
    nbformat_minor: 5,
    metadata: {
      kernelspec: { name: 'python3', display_name: 'Python 3' },
      language_info: { name: 'python' }
    },
    cells: [
      {
        cell_type: 'markdown',
        id: 'title',
        metadata: {},
        source: `# ${itemId.replace(/[\\`*_{}[\]()#+.!|<>~-]/g, '\\$&')}`
      },
      ...code.map((lines, index) => ({
        cell_type: 'code',
        id: `code-${index}`,
        metadata: {},
        execution_count: null,
        outputs: [],
        source: lines.join('\n')
      }))
    ]
  };
}
