/** Sun and sensor in the sky, seen from the ground: north up, zenith in the middle. */

import * as React from 'react';

import { number } from '../model/format';
import { onPlot, skyOf } from '../model/skyplot';
import type { StacItem } from '../stac';
import { usePanel } from './context';

const RADIUS = 50;

export function SkyPlot({ item }: { item: StacItem }): JSX.Element | null {
  const { t, language } = usePanel();
  const { sun, sensor } = skyOf(item.properties);
  if (!sun && !sensor) {
    return null;
  }
  const degrees = (value: number): string => `${number(value, language, 1)}°`;
  const words = [
    sun && t('Sun: azimuth %1, elevation %2', degrees(sun.azimuth), degrees(90 - sun.zenith)),
    sensor && t('Sensor: azimuth %1, %2 from the zenith', degrees(sensor.azimuth), degrees(sensor.zenith))
  ].filter((one): one is string => typeof one === 'string');
  const sunAt = sun && onPlot(sun, RADIUS);
  const sensorAt = sensor && onPlot(sensor, RADIUS);
  const corners = [
    ['N', 0, -RADIUS - 6],
    [t('E'), RADIUS + 7, 3],
    ['S', 0, RADIUS + 12],
    [t('W'), -RADIUS - 7, 3]
  ] as const;
  return (
    <figure className="jp-Stac-sky">
      <svg viewBox="-66 -66 132 132" role="img" aria-label={words.join('. ')}>
        {[30, 60, 90].map(zenith => (
          <circle key={zenith} r={(zenith / 90) * RADIUS} className="jp-Stac-skyRing" />
        ))}
        <path d={`M0 ${-RADIUS}V${RADIUS}M${-RADIUS} 0H${RADIUS}`} className="jp-Stac-skyRing" />
        {corners.map(([name, x, y]) => (
          <text key={name} x={x} y={y} className="jp-Stac-skyText">
            {name}
          </text>
        ))}
        {sensorAt && (
          <g className="jp-Stac-skySensor">
            <path d={`M0 0L${sensorAt.x} ${sensorAt.y}`} />
            <rect x={sensorAt.x - 4} y={sensorAt.y - 4} width={8} height={8} />
          </g>
        )}
        {sunAt && <circle cx={sunAt.x} cy={sunAt.y} r={5} className="jp-Stac-skySun" />}
      </svg>
      <figcaption>
        {words.map(line => (
          <span key={line}>{line}</span>
        ))}
      </figcaption>
    </figure>
  );
}
