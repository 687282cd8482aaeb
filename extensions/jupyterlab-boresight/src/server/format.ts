/** Sizes in words. */

const GIB = 2 ** 30;
const MIB = 2 ** 20;

/** Bytes as GiB, or as MiB when they are few. */
export function gib(bytes: number, language: string): string {
  const [value, unit] = bytes >= 0.1 * GIB ? [bytes / GIB, 'GiB'] : [bytes / MIB, 'MiB'];
  const digits = value < 10 ? 1 : 0;
  const shown = value.toLocaleString(language, {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits
  });
  return `${shown} ${unit}`;
}

/** The reader's own way to write times, in the language of the page. */
export function localeOf(language: string): string {
  return navigator.languages.find(one => one.startsWith(language)) ?? language;
}
