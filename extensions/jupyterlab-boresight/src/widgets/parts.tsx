/** Parts that both panels are made of. */

import React from 'react';

import type { ApiError } from '../api';
import type { Translate } from '../i18n';

/** What went wrong, and what to do. */
export function Problem(props: {
  problem: ApiError;
  trans: Translate;
  retry?: () => void;
}): JSX.Element {
  const { problem, trans, retry } = props;
  return (
    <div className="jp-boresight-problem" role="alert">
      <p>{trans(problem.message)}</p>
      {problem.remedy && <p>{problem.remedy}</p>}
      {retry && (
        <button type="button" className="jp-boresight-button" onClick={retry}>
          {trans('Search again')}
        </button>
      )}
    </div>
  );
}

/** A share as a bar; a word stands beside it, so it says nothing to those who listen. */
export function Bar(props: { share: number; kind: string }): JSX.Element {
  const width = `${Math.round(100 * Math.min(1, Math.max(0, props.share)))}%`;
  return (
    <span className="jp-boresight-bar" aria-hidden="true">
      <span className={`jp-boresight-bar-${props.kind}`} style={{ width }} />
    </span>
  );
}
