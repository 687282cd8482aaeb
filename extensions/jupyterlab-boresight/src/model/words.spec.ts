import { FRENCH } from '../french';
import { languageOf, translator } from '../i18n';
import { decimal, duration, moment, percent } from './format';
import { notebookName, notebookOf, python } from './notebook';

it.each([
  [-3, '0 s'],
  [59.4, '59 s'],
  [60, '1 min'],
  [80, '1 min 20 s'],
  [601, '10 min'],
  [3599, '1 h'],
  [7500, '2 h 5 min'],
  [7200, '2 h']
])('%d s is %s', (seconds, text) => {
  expect(duration(seconds)).toBe(text);
});

it('writes numbers and moments in the language', () => {
  expect(percent(0.256)).toBe('26 %');
  expect(percent(7)).toBe('100 %');
  expect(decimal(0.2811, 2, 'en')).toBe('0.28');
  expect(decimal(0.2811, 2, 'fr')).toBe('0,28');
  expect(moment('2025-06-01T10:00:00Z', 'en')).toContain('2025');
  expect(moment('2025-06-01T23:30:00Z', 'en')).toContain('Jun 1');
  expect(moment('yesterday', 'en')).toBe('yesterday');
  expect(moment(null, 'en')).toBe('–');
});

it('speaks French where Lab does, English elsewhere', () => {
  expect(['fr_FR', 'fr-CA', 'de', undefined].map(languageOf)).toEqual(['fr', 'fr', 'en', 'en']);
  expect(translator('fr')('Pairs with %1', 'x')).toBe('Couples avec x');
  expect(translator('en')('%1 of %2 workers', 1, 2)).toBe('1 of 2 workers');
  // values of a sentence are not read as a sentence
  expect(translator('fr')('Pairs with %1', 'Jobs %1')).toBe('Couples avec Jobs %1');
});

it('has the same places for values in both languages', () => {
  const places = (text: string) => (text.match(/%\d/g) ?? []).sort();
  for (const [english, french] of Object.entries(FRENCH)) {
    expect([english, places(french)]).toEqual([english, places(english)]);
  }
});

describe('a notebook', () => {
  it.each(['plain', 'quote" + __import__("os")', "it's", 'back\\slash', 'é\u2028\n', '\u{1F6F0}'])(
    'names %j as Python reads it back',
    text => {
      const written = python(text);
      expect(written).toMatch(/^"[\x20-\x7e]*"$/);
      expect(JSON.parse(written)).toBe(text);
    }
  );

  it('opens the item, in a file whose name a folder can hold', () => {
    const made = notebookOf('co3d-dsm', 'pair"\n');
    expect(String(made.cells[1]?.source)).toContain('access.get_item("co3d-dsm", "pair\\"\\n")');
    expect(made.cells.map(cell => cell.cell_type)).toEqual(['markdown', 'code', 'code', 'code']);
    expect(notebookName('../../etc/passwd')).toBe('_.._etc_passwd.ipynb');
    expect(notebookName('..')).toBe('dsm.ipynb');
    expect(notebookOf('c', '<b>x</b>').cells[0]?.source).toBe('# \\<b\\>x</b\\>'.replace('</b', '\\</b'));
  });
});
