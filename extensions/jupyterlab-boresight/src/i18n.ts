/** Words of the panels in the reader's language. Keys are the English sentences. */

import { FRENCH } from './french';

/** `%1`, `%2`, … stand for values. */
export type Translate = (sentence: string, ...values: (string | number)[]) => string;

const DICTIONARIES: Readonly<Record<string, Readonly<Record<string, string>>>> = { fr: FRENCH };

/** Two letters of a language as `fr_FR`, `fr-CA` or `default`. */
export function languageOf(code: string | undefined): string {
  const two = (code ?? '').slice(0, 2).toLowerCase();
  return two in DICTIONARIES ? two : 'en';
}

/** Translator into a language of two letters; what it does not know stays English. */
export function translator(language: string): Translate {
  const words = DICTIONARIES[language] ?? {};
  return (sentence, ...values) =>
    (words[sentence] ?? sentence).replace(/%(\d)/g, (whole, digit: string) => {
      const value = values[Number(digit) - 1];
      return value === undefined ? whole : String(value);
    });
}
