/** Numbers and times as people read them. */

/** "1 min 20 s", "2 h 5 min": at most two units. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) {
    return `${whole} s`;
  }
  if (whole < 600) {
    return whole % 60 ? `${Math.floor(whole / 60)} min ${whole % 60} s` : `${whole / 60} min`;
  }
  const minutes = Math.round(whole / 60);
  if (minutes < 60) {
    return `${minutes} min`;
  }
  return minutes % 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${minutes / 60} h`;
}

export function percent(share: number): string {
  return `${Math.round(100 * Math.min(1, Math.max(0, share)))} %`;
}

/** A number with so many decimals, as the language writes it. */
export function decimal(value: number, digits: number, language: string): string {
  return value.toLocaleString(language, {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits
  });
}

/** Date and time (UTC) of an ISO 8601 text; the text itself when it is none. */
export function moment(text: unknown, language: string): string {
  if (typeof text !== 'string') {
    return '–';
  }
  const date = new Date(text);
  return Number.isNaN(date.getTime())
    ? text
    : date.toLocaleString(language, { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' });
}
