/** Where sun and sensor stand in the sky over an item, for a small plot. */

export interface SkyPoint {
  /** Clockwise from north [deg]. */
  readonly azimuth: number;
  /** From the zenith, 0 to 90 and beyond for what is below the horizon [deg]. */
  readonly zenith: number;
}

export interface Sky {
  readonly sun: SkyPoint | null;
  readonly sensor: SkyPoint | null;
}

/** Read the angles of the view extension; null for what is absent or no angle. */
export function skyOf(properties: Readonly<Record<string, unknown>>): Sky {
  const sunAzimuth = angle(properties['view:sun_azimuth'], -360, 360);
  const sunElevation = angle(properties['view:sun_elevation'], -90, 90);
  const azimuth = angle(properties['view:azimuth'], -360, 360);
  const incidence =
    angle(properties['view:incidence_angle'], 0, 90) ?? angle(properties['view:off_nadir'], 0, 90);
  return {
    sun:
      sunAzimuth !== null && sunElevation !== null
        ? { azimuth: turned(sunAzimuth), zenith: 90 - sunElevation }
        : null,
    sensor:
      incidence !== null && (azimuth !== null || incidence === 0)
        ? { azimuth: turned(azimuth ?? 0), zenith: incidence }
        : null
  };
}

function angle(value: unknown, low: number, high: number): number | null {
  return typeof value === 'number' && value >= low && value <= high ? value : null;
}

function turned(azimuth: number): number {
  return ((azimuth % 360) + 360) % 360;
}

/** Place in a circle of a radius around 0, 0; north is up, and y grows downwards. */
export function onPlot(point: SkyPoint, radius: number): { x: number; y: number } {
  const r = (Math.min(point.zenith, 90) / 90) * radius;
  const a = (point.azimuth * Math.PI) / 180;
  return { x: r * Math.sin(a), y: -r * Math.cos(a) };
}
