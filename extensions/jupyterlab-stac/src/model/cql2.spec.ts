import { Cql2SyntaxError, fromText, toText, type Cql2 } from './cql2';

const CASES: [string, Cql2][] = [
  ['gsd < 1', { op: '<', args: [{ property: 'gsd' }, 1] }],
  ["platform = 'O''Neill'", { op: '=', args: [{ property: 'platform' }, "O'Neill"] }],
  ['eo:cloud_cover <= 12.5', { op: '<=', args: [{ property: 'eo:cloud_cover' }, 12.5] }],
  [
    'a = 1 OR b = 2 AND c = 3',
    {
      op: 'or',
      args: [
        { op: '=', args: [{ property: 'a' }, 1] },
        {
          op: 'and',
          args: [
            { op: '=', args: [{ property: 'b' }, 2] },
            { op: '=', args: [{ property: 'c' }, 3] }
          ]
        }
      ]
    }
  ],
  [
    '(a = 1 OR b = 2) AND c = TRUE',
    {
      op: 'and',
      args: [
        {
          op: 'or',
          args: [
            { op: '=', args: [{ property: 'a' }, 1] },
            { op: '=', args: [{ property: 'b' }, 2] }
          ]
        },
        { op: '=', args: [{ property: 'c' }, true] }
      ]
    }
  ],
  ['NOT (a IS NULL)', { op: 'not', args: [{ op: 'isNull', args: [{ property: 'a' }] }] }],
  ['gsd BETWEEN 0.5 AND -1', { op: 'between', args: [{ property: 'gsd' }, 0.5, -1] }],
  ["m IN ('a', 'b')", { op: 'in', args: [{ property: 'm' }, ['a', 'b']] }],
  ["m LIKE 'PHR%'", { op: 'like', args: [{ property: 'm' }, 'PHR%'] }],
  ['"and" = 1', { op: '=', args: [{ property: 'and' }, 1] }],
  ['"a ""b""" = 1', { op: '=', args: [{ property: 'a "b"' }, 1] }],
  [
    "datetime > TIMESTAMP('2024-01-01T00:00:00Z')",
    { op: '>', args: [{ property: 'datetime' }, { timestamp: '2024-01-01T00:00:00Z' }] }
  ]
];

test.each(CASES)('%s is read, and written so that it reads the same', (text, expected) => {
  const read = fromText(text);
  expect(read).toEqual(expected);
  expect(fromText(toText(expected))).toEqual(expected);
});

test('NOT before a predicate negates it', () => {
  expect(fromText('a IS NOT NULL')).toEqual(fromText('NOT a IS NULL'));
  expect(fromText("a NOT LIKE 'x'")).toEqual(fromText("NOT a LIKE 'x'"));
});

test('an empty text is no filter', () => {
  expect(fromText('  ')).toBeNull();
});

test.each([
  ['gsd <', 5],
  ['gsd', 3],
  ['(gsd < 1', 8],
  ['gsd < 1 foo', 8],
  ["platform = 'open", 11],
  ['a IN ()', 6],
  ['a = ;', 4],
  ["t > TIMESTAMP('yesterday')", 14]
])('%s is refused, with its place', (text, position) => {
  try {
    fromText(text);
    throw new Error('was taken');
  } catch (problem) {
    expect(problem).toBeInstanceOf(Cql2SyntaxError);
    expect((problem as Cql2SyntaxError).position).toBe(position);
  }
});

test('depth is bounded', () => {
  expect(fromText(`${'('.repeat(40)}a = 1${')'.repeat(40)}`)).not.toBeNull();
  expect(() => fromText(`${'('.repeat(60)}a = 1${')'.repeat(60)}`)).toThrow(Cql2SyntaxError);
});
