/** The views in Lab's sidebar. */

import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import React from 'react';

import { JobsView, type JobsViewProps } from './jobs';
import { PairsView, type PairsViewProps } from './pairs';

export class PairsPanel extends ReactWidget {
  constructor(
    private readonly options: PairsViewProps,
    private readonly onFirstShow: () => void
  ) {
    super();
    this.addClass('jp-boresight');
  }

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    if (!this.wasShown) {
      this.wasShown = true;
      this.onFirstShow();
    }
  }

  private wasShown = false;

  protected render(): JSX.Element {
    return (
      <UseSignal signal={this.options.model.changed}>
        {() => <PairsView {...this.options} />}
      </UseSignal>
    );
  }
}

export class JobsPanel extends ReactWidget {
  constructor(private readonly options: JobsViewProps) {
    super();
    this.addClass('jp-boresight');
  }

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this.options.model.watch(true);
  }

  protected override onAfterHide(message: Message): void {
    super.onAfterHide(message);
    this.options.model.watch(false);
  }

  protected render(): JSX.Element {
    return (
      <UseSignal signal={this.options.model.changed}>
        {() => <JobsView {...this.options} />}
      </UseSignal>
    );
  }
}
