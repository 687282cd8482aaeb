/** View of the panel of stereo pairs. */

import React from 'react';

import type { Pair, PairsAnswer } from '../api';
import type { Translate } from '../i18n';
import { decimal, moment, percent } from '../model/format';
import type { PairsModel } from '../model/pairs';
import { Bar, Problem } from './parts';

const CRITERIA: Readonly<Record<string, string>> = {
  overlap: 'Overlap',
  base_to_height: 'Base to height',
  time_apart: 'Time apart',
  sun_difference: 'Sun',
  incidence_difference: 'Incidence'
};

export interface PairsViewProps {
  readonly model: PairsModel;
  readonly trans: Translate;
  readonly language: string;
  /** Whether there is a panel of the catalogue to choose items in. */
  readonly hasCatalogue: boolean;
}

export function PairsView(props: PairsViewProps): JSX.Element {
  const { model, trans, hasCatalogue } = props;
  const { status, answer, title, problem } = model.state;
  return (
    <section className="jp-boresight-panel" aria-label={trans('Stereo pairs')}>
      <h2>
        {status === 'idle'
          ? trans('Stereo pairs')
          : title
            ? trans('Pairs with %1', title)
            : trans('Pairs within the area')}
      </h2>
      {status === 'idle' && (
        <p>
          {hasCatalogue
            ? trans(
                'In the catalogue panel, choose an image or draw an area, then “%1”.',
                trans('Find stereo pairs')
              )
            : trans('The catalogue panel is not installed: pairs cannot be chosen here.')}
        </p>
      )}
      <div role="status">
        {status === 'searching' && <p>{trans('Searching pairs…')}</p>}
        {status === 'ready' && answer && <p>{counted(answer, trans)}</p>}
      </div>
      {problem && (
        <Problem
          problem={problem}
          trans={trans}
          {...(status === 'failed' ? { retry: () => void model.retry() } : {})}
        />
      )}
      {answer && (
        <>
          <ol className="jp-boresight-pairs">
            {answer.pairs.map((pair, index) => (
              <PairCard key={pair.id} pair={pair} number={index + 1} {...props} />
            ))}
          </ol>
          <LeftOutList answer={answer} trans={trans} />
        </>
      )}
    </section>
  );
}

function counted(answer: PairsAnswer, trans: Translate): string {
  const n = answer.pairs.length;
  const words =
    n === 0
      ? trans('No pair among %1 images: none shares ground with another.', answer.n_items)
      : n === 1
        ? trans('One pair among %1 images.', answer.n_items)
        : trans('%1 pairs among %2 images.', n, answer.n_items);
  return answer.is_truncated
    ? `${words} ${trans('There are more images than were looked at: search a smaller area.')}`
    : words;
}

function PairCard(props: PairsViewProps & { pair: Pair; number: number }): JSX.Element {
  const { pair, number, model, trans, language } = props;
  const isSelected = model.state.selected === pair.id;
  const isStarting = model.state.starting === pair.id;
  const heading = `jp-boresight-pair-${number}`;
  return (
    <li className={isSelected ? 'jp-boresight-card jp-mod-selected' : 'jp-boresight-card'}>
      <div className="jp-boresight-card-head">
        <h3 id={heading}>{`${pair.left.id} ${trans('and')} ${pair.right.id}`}</h3>
        <span className="jp-boresight-total">{trans('Score %1', percent(pair.score))}</span>
      </div>
      <p className="jp-boresight-facts">
        {`${moment(pair.left.properties['datetime'], language)} UTC`}
        {pair.base_to_height !== null && ` · B/H ${decimal(pair.base_to_height, 2, language)}`}
        {` · ${decimal(pair.common_km2, pair.common_km2 < 10 ? 2 : 0, language)} km²`}
      </p>
      <dl className="jp-boresight-scores">
        {pair.scores.map(score => (
          <div key={score.criterion}>
            <dt>
              <span>{trans(CRITERIA[score.criterion] ?? score.criterion)}</span>
              <Bar share={score.score} kind={score.verdict} />
              <span className="jp-boresight-verdict">{trans(score.verdict)}</span>
            </dt>
            <dd>{score.sentence}</dd>
          </div>
        ))}
      </dl>
      <div className="jp-boresight-buttons">
        <button
          type="button"
          className="jp-boresight-button"
          aria-pressed={isSelected}
          aria-describedby={heading}
          onClick={() => model.select(pair.id)}
        >
          {isSelected ? trans('Shown on the map') : trans('Show on the map')}
        </button>
        <button
          type="button"
          className="jp-boresight-button jp-mod-primary"
          aria-describedby={heading}
          disabled={model.state.starting !== null}
          onClick={() => void model.makeDsm(pair.id)}
        >
          {isStarting ? trans('Starting…') : trans('Make a DSM of this pair')}
        </button>
      </div>
    </li>
  );
}

function LeftOutList(props: { answer: PairsAnswer; trans: Translate }): JSX.Element | null {
  const { answer, trans } = props;
  if (answer.left_out.length === 0) {
    return null;
  }
  return (
    <details className="jp-boresight-left-out">
      <summary>{trans('Images that could not take part: %1', answer.left_out.length)}</summary>
      <ul>
        {answer.left_out.map(one => (
          <li key={`${one.collection}/${one.id}`}>{one.words}</li>
        ))}
      </ul>
    </details>
  );
}
