/** Picture of a raster asset: bands, stretch, histogram. */

import * as React from 'react';

import { ApiError, type Histogram, type PreviewAnswer } from '../api';
import { number } from '../model/format';
import { isAborted, told } from '../model/problems';
import { usePanel } from './context';

export function Preview({ href, title }: { href: string; title: string }): JSX.Element {
  const { model, t } = usePanel();
  const [found, setFound] = React.useState<PreviewAnswer | null>(null);
  const [problem, setProblem] = React.useState<unknown>(null);
  const [bands, setBands] = React.useState<readonly number[]>([]);
  const [stretch, setStretch] = React.useState<readonly [number, number] | null>(null);
  const [turn, again] = React.useReducer((count: number) => count + 1, 0);
  const [busy, setBusy] = React.useState(true);

  React.useEffect(() => {
    const controller = new AbortController();
    setBusy(true);
    setProblem(null);
    model.api
      .preview(href, { bands, stretch }, controller.signal)
      .then(answer => {
        setFound(answer);
        setBusy(false);
      })
      .catch((wrong: unknown) => {
        if (!isAborted(wrong)) {
          setProblem(wrong);
          setBusy(false);
        }
      });
    return () => controller.abort();
  }, [model, href, bands, stretch, turn]);

  const allow =
    problem instanceof ApiError && problem.body.kind === 'host' && model.settings?.may_add
      ? String(problem.body.values['url'] ?? '')
      : '';
  return (
    <div className="jp-Stac-preview">
      <p role="status" className="jp-Stac-hint">
        {busy ? t('Reading a picture…') : ''}
      </p>
      {problem !== null && (
        <div className="jp-Stac-problem" role="alert">
          <p>{told(problem, t)}</p>
          {allow.startsWith('https:') && (
            <button
              type="button"
              className="jp-Stac-button"
              onClick={() =>
                void model.api
                  .addHost(allow)
                  .then(() => again())
                  .catch((wrong: unknown) => setProblem(wrong))
              }
            >
              {t('Allow %1', new URL(allow).hostname)}
            </button>
          )}
          <button type="button" className="jp-Stac-button" onClick={again}>
            {t('Try again')}
          </button>
        </div>
      )}
      {found && (
        <>
          <img
            src={`data:image/png;base64,${found.png}`}
            alt={t('Picture of %1', title)}
            className={busy ? 'jp-mod-busy' : ''}
          />
          <p className="jp-Stac-hint">
            {found.width} × {found.height} px, {found.dtype}
            {found.crs ? `, ${found.crs}` : `, ${t('sensor geometry')}`}
          </p>
          <Bands found={found} onChange={setBands} />
          {found.histograms.map(one => (
            <HistogramPlot key={one.band} histogram={one} />
          ))}
          <Stretch found={found} stretch={stretch} onChange={setStretch} />
        </>
      )}
    </div>
  );
}

function Bands({
  found,
  onChange
}: {
  found: PreviewAnswer;
  onChange(bands: readonly number[]): void;
}): JSX.Element | null {
  const { t } = usePanel();
  if (found.bands.length < 2) {
    return null;
  }
  const colour = found.shown.length === 3;
  const names = colour ? [t('Red'), t('Green'), t('Blue')] : [t('Band')];
  const [first = 1] = found.shown;
  return (
    <div className="jp-Stac-row" role="group" aria-label={t('Bands')}>
      {found.bands.length >= 3 && (
        <label className="jp-Stac-check">
          <input
            type="checkbox"
            checked={colour}
            onChange={() => onChange(colour ? [first] : [1, 2, 3])}
          />
          <span>{t('Colours')}</span>
        </label>
      )}
      {found.shown.map((shown, i) => (
        <label key={names[i] ?? i} className="jp-Stac-label">
          {names[i]}
          <select
            className="jp-Stac-input"
            value={shown}
            onChange={event =>
              onChange(found.shown.map((one, j) => (i === j ? Number(event.target.value) : one)))
            }
          >
            {found.bands.map(band => (
              <option key={band.index} value={band.index}>
                {band.name}
              </option>
            ))}
          </select>
        </label>
      ))}
    </div>
  );
}

function Stretch({
  found,
  stretch,
  onChange
}: {
  found: PreviewAnswer;
  stretch: readonly [number, number] | null;
  onChange(stretch: readonly [number, number] | null): void;
}): JSX.Element | null {
  const { t } = usePanel();
  const first = found.histograms[0];
  const [low, setLow] = React.useState('');
  const [high, setHigh] = React.useState('');
  if (!first || first.empty) {
    return null;
  }
  const good = low.trim() !== '' && high.trim() !== '' && Number(low) < Number(high);
  return (
    <div className="jp-Stac-row" role="group" aria-label={t('Stretch')}>
      <label className="jp-Stac-label">
        {t('Black at')}
        <input
          className="jp-Stac-input"
          inputMode="decimal"
          placeholder={String(Number(first.stretch[0].toPrecision(5)))}
          value={low}
          onChange={event => setLow(event.target.value)}
        />
      </label>
      <label className="jp-Stac-label">
        {t('White at')}
        <input
          className="jp-Stac-input"
          inputMode="decimal"
          placeholder={String(Number(first.stretch[1].toPrecision(5)))}
          value={high}
          onChange={event => setHigh(event.target.value)}
        />
      </label>
      <button
        type="button"
        className="jp-Stac-button"
        disabled={!good}
        onClick={() => onChange([Number(low), Number(high)])}
      >
        {t('Stretch')}
      </button>
      {stretch && (
        <button
          type="button"
          className="jp-Stac-button"
          onClick={() => {
            setLow('');
            setHigh('');
            onChange(null);
          }}
        >
          {t('By percentiles')}
        </button>
      )}
    </div>
  );
}

const WIDTH = 256;
const HEIGHT = 60;

function HistogramPlot({ histogram }: { histogram: Histogram }): JSX.Element {
  const { t, language } = usePanel();
  if (histogram.empty || histogram.min === undefined || histogram.max === undefined) {
    return <p className="jp-Stac-hint">{t('Band %1 has no values here.', histogram.band)}</p>;
  }
  const { counts, min, max, mean = 0, std = 0, stretch } = histogram;
  const top = Math.max(1, ...counts);
  const step = WIDTH / Math.max(1, counts.length);
  // the root shows what is rare too
  const heights = counts.map(count => Math.sqrt(count / top) * HEIGHT);
  const path = heights
    .map((height, i) => `M${i * step} ${HEIGHT}v${-height}h${step}v${height}z`)
    .join('');
  const span = max - min || 1;
  const x = (value: number): number => Math.max(0, Math.min(1, (value - min) / span)) * WIDTH;
  const figure = (value: number): string => number(value, language, Math.abs(value) < 10 ? 3 : 1);
  const words = t(
    'Band %1: %2 to %3, mean %4, standard deviation %5',
    histogram.band,
    figure(min),
    figure(max),
    figure(mean),
    figure(std)
  );
  return (
    <figure className="jp-Stac-histogram">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={words} preserveAspectRatio="none">
        <path d={path} />
        <path
          className="jp-Stac-histogramStretch"
          d={`M${x(stretch[0])} 0V${HEIGHT}M${x(stretch[1])} 0V${HEIGHT}`}
        />
      </svg>
      <figcaption>{words}</figcaption>
    </figure>
  );
}
