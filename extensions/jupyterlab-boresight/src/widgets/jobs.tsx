/** View of the panel of jobs. */

import React from 'react';

import type { Job } from '../api';
import type { Translate } from '../i18n';
import { duration, moment, percent } from '../model/format';
import { isFinal, type JobsModel } from '../model/jobs';
import { Problem } from './parts';

export interface JobsViewProps {
  readonly model: JobsModel;
  readonly trans: Translate;
  readonly language: string;
  /** Put the result of a job onto the map; null where the catalogue's panel is not installed. */
  readonly showOnMap: ((job: Job) => void) | null;
  openNotebook(job: Job): void;
}

export function JobsView(props: JobsViewProps): JSX.Element {
  const { model, trans } = props;
  const { jobs, isLoaded, problem } = model.state;
  return (
    <section className="jp-boresight-panel" aria-label={trans('Jobs')}>
      <h2>{trans('Jobs')}</h2>
      {problem && <Problem problem={problem} trans={trans} />}
      {!isLoaded && !problem && <p role="status">{trans('Reading the jobs…')}</p>}
      {isLoaded && jobs.length === 0 && (
        <p>{trans('No job yet. “%1” starts one.', trans('Make a DSM of this pair'))}</p>
      )}
      <ul className="jp-boresight-jobs">
        {jobs.map(job => (
          <JobCard key={job.id} job={job} {...props} />
        ))}
      </ul>
      <Clusters model={model} trans={trans} />
    </section>
  );
}

function JobCard(props: JobsViewProps & { job: Job }): JSX.Element {
  const { job, model, trans, language } = props;
  const heading = `jp-boresight-job-${job.id}`;
  const name = `${job.request.left.id} ${trans('and')} ${job.request.right.id}`;
  const log = model.state.log?.id === job.id ? model.state.log : null;
  return (
    <li className="jp-boresight-card" data-job={job.id} data-state={job.state}>
      <div className="jp-boresight-card-head">
        <h3 id={heading}>{name}</h3>
        <span className="jp-boresight-state" role="status">
          {trans(job.is_cancelling ? 'cancelling' : job.state)}
        </span>
      </div>
      <p className="jp-boresight-facts">{`${moment(job.created_at, language)} UTC`}</p>
      {!isFinal(job) && (
        <>
          <div className="jp-boresight-progress">
            <progress max={1} value={job.share} aria-label={trans('Progress of %1', name)} />
            <span>{percent(job.share)}</span>
          </div>
          <p>{going(job, trans)}</p>
          {job.cluster?.pending_reason && <p>{job.cluster.pending_reason}</p>}
        </>
      )}
      {job.error && (
        <p className="jp-boresight-problem">
          {job.error} {job.remedy}
        </p>
      )}
      {job.result && (
        <p>
          {job.result.was_there
            ? trans('It was made before: nothing was computed.')
            : trans('Took %1', duration(job.result.elapsed_s))}
          {` · ${job.result.item_id}`}
        </p>
      )}
      <JobActions {...props} heading={heading} hasLog={log !== null} />
      {log && (
        <pre
          className="jp-boresight-log"
          tabIndex={0}
          role="region"
          aria-label={trans('Log of %1', name)}
        >
          {log.text}
        </pre>
      )}
    </li>
  );
}

function JobActions(
  props: JobsViewProps & { job: Job; heading: string; hasLog: boolean }
): JSX.Element {
  const { job, model, trans, heading, hasLog, openNotebook, showOnMap } = props;
  return (
    <div className="jp-boresight-buttons">
      {!isFinal(job) && (
        <Act heading={heading} disabled={job.is_cancelling} act={() => void model.cancel(job.id)}>
          {trans('Cancel')}
        </Act>
      )}
      {job.result && (
        <>
          {showOnMap && (
            <Act heading={heading} primary act={() => showOnMap(job)}>
              {trans('Show on the map')}
            </Act>
          )}
          <Act heading={heading} act={() => openNotebook(job)}>
            {trans('Open a notebook')}
          </Act>
        </>
      )}
      <Act heading={heading} expanded={hasLog} act={() => void model.toggleLog(job.id)}>
        {trans('Log')}
      </Act>
      {!isFinal(job) && job.cluster && isLink(job.cluster.dashboard_link) && (
        <a
          className="jp-boresight-button"
          href={job.cluster.dashboard_link}
          target="_blank"
          rel="noopener noreferrer"
        >
          {trans('Dashboard')}
        </a>
      )}
      {isFinal(job) && (
        <Act heading={heading} act={() => void model.forget(job.id)}>
          {trans('Forget')}
        </Act>
      )}
    </div>
  );
}

/** What is being done, on how many workers, how long it will take. */
function going(job: Job, trans: Translate): string {
  const parts = [job.what];
  if (job.cluster) {
    const { workers_running, workers_requested } = job.cluster;
    parts.push(trans('%1 of %2 workers', workers_running, workers_requested));
  }
  if (job.left_s !== null) {
    parts.push(trans('about %1 left', duration(job.left_s)));
  }
  return parts.filter(Boolean).join(' · ');
}

/** Whether a click may open an address: the web's, nothing that runs. */
export function isLink(url: string): boolean {
  return /^https?:\/\//i.test(url);
}

function Act(
  props: React.PropsWithChildren<{
    heading: string;
    act: () => void;
    primary?: boolean;
    disabled?: boolean;
    expanded?: boolean;
  }>
): JSX.Element {
  return (
    <button
      type="button"
      className={`jp-boresight-button${props.primary ? ' jp-mod-primary' : ''}`}
      aria-describedby={props.heading}
      aria-expanded={props.expanded}
      disabled={props.disabled}
      onClick={props.act}
    >
      {props.children}
    </button>
  );
}

function Clusters(props: { model: JobsModel; trans: Translate }): JSX.Element {
  const { model, trans } = props;
  const { clusters } = model.state;
  return (
    <details
      className="jp-boresight-clusters"
      onToggle={event => {
        if (event.currentTarget.open) {
          void model.askClusters();
        }
      }}
    >
      <summary>{trans('Your Dask clusters')}</summary>
      {clusters?.length === 0 && <p>{trans('No cluster is running.')}</p>}
      <ul>
        {clusters?.map(one => (
          <li key={one.name}>
            {one.name}: {trans('%1 of %2 workers', one.workers_running, one.workers_requested)}{' '}
            {one.pending_reason}
          </li>
        ))}
      </ul>
      <button
        type="button"
        className="jp-boresight-button"
        onClick={() => void model.askClusters()}
      >
        {trans('Refresh')}
      </button>
    </details>
  );
}
