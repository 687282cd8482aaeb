/**
 * CQL2 as JSON and as text (OGC 21-065r2): comparisons, between, in, like, is null, and, or, not,
 * and functions with two arguments such as `s_intersects` as far as they stand in JSON.
 */

export type Scalar = string | number | boolean | { readonly timestamp: string } | { readonly date: string };
export type Operand = Scalar | { readonly property: string } | readonly Operand[] | Cql2;
export interface Cql2 {
  readonly op: string;
  readonly args: readonly Operand[];
}

/** A text that is no CQL2; `position` counts characters from 0. */
export class Cql2SyntaxError extends Error {
  constructor(
    readonly expected: string,
    readonly found: string,
    readonly position: number
  ) {
    super(`Expected ${expected} at ${position + 1}, not ${found || 'the end'}`);
    this.name = 'Cql2SyntaxError';
  }
}

export function comparison(op: string, property: string, value: Operand): Cql2 {
  return { op, args: [{ property }, value] };
}

/** All of them; null of none. */
export function and(parts: readonly Cql2[]): Cql2 | null {
  return parts.length === 0 ? null : parts.length === 1 ? parts[0]! : { op: 'and', args: parts };
}

export function isNear(a: number, b: number): boolean {
  return Math.abs(a - b) < 1e-9;
}

/** Write CQL2 as text. */
export function toText(expression: Cql2): string {
  return written(expression, 0);
}

const LEVELS: Readonly<Record<string, number>> = { or: 1, and: 2, not: 3 };

function written(node: Operand, above: number): string {
  if (Array.isArray(node)) {
    return `(${(node as readonly Operand[]).map(one => written(one, 0)).join(', ')})`;
  }
  switch (typeof node) {
    case 'string':
      return `'${node.replace(/'/g, "''")}'`;
    case 'number':
      return String(node);
    case 'boolean':
      return node ? 'TRUE' : 'FALSE';
  }
  if ('property' in node) {
    return named(node.property);
  }
  if ('timestamp' in node) {
    return `TIMESTAMP('${node.timestamp}')`;
  }
  if ('date' in node) {
    return `DATE('${node.date}')`;
  }
  const { op, args } = node as Cql2;
  const level = LEVELS[op] ?? 4;
  const inner = (one: Operand | undefined): string => written(one ?? '', level);
  let text: string;
  switch (op) {
    case 'and':
    case 'or':
      text = args.map(inner).join(` ${op.toUpperCase()} `);
      break;
    case 'not':
      text = `NOT ${inner(args[0])}`;
      break;
    case 'isNull':
      text = `${inner(args[0])} IS NULL`;
      break;
    case 'between':
      text = `${inner(args[0])} BETWEEN ${inner(args[1])} AND ${inner(args[2])}`;
      break;
    case 'in':
      text = `${inner(args[0])} IN ${inner(args[1])}`;
      break;
    case 'like':
      text = `${inner(args[0])} LIKE ${inner(args[1])}`;
      break;
    default:
      text = /^\w+$/.test(op)
        ? `${op}(${args.map(one => written(one, 0)).join(', ')})`
        : `${inner(args[0])} ${op} ${inner(args[1])}`;
  }
  // not binds what follows; and, or bind within their own kind
  return level < above || (op === 'not' && above === 3) ? `(${text})` : text;
}

function named(name: string): string {
  return /^[A-Za-z_][\w:.]*$/.test(name) && !KEYWORDS.has(name.toUpperCase())
    ? name
    : `"${name.replace(/"/g, '""')}"`;
}

const KEYWORDS = new Set([
  'AND', 'OR', 'NOT', 'BETWEEN', 'IN', 'LIKE', 'IS', 'NULL', 'TRUE', 'FALSE', 'TIMESTAMP', 'DATE'
]);

interface Token {
  readonly kind: 'word' | 'quoted' | 'string' | 'number' | 'sign' | 'end';
  readonly text: string;
  readonly at: number;
}

const TOKENS =
  /\s*(?:(?<word>[A-Za-z_][\w:.]*)|"(?<quoted>(?:[^"]|"")*)"|'(?<string>(?:[^']|'')*)'|(?<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)|(?<sign><>|<=|>=|[=<>(),]))/y;

function tokens(text: string): Token[] {
  const found: Token[] = [];
  TOKENS.lastIndex = 0;
  let end = 0;
  for (let match = TOKENS.exec(text); match; match = TOKENS.exec(text)) {
    end = TOKENS.lastIndex;
    for (const [kind, value] of Object.entries(match.groups ?? {})) {
      if (value !== undefined) {
        const at = end - match[0].trimStart().length;
        found.push({ kind: kind as Token['kind'], text: value, at });
      }
    }
  }
  const rest = text.slice(end);
  if (rest.trim()) {
    const at = end + rest.length - rest.trimStart().length;
    throw new Cql2SyntaxError('an expression', rest.trim().slice(0, 12), at);
  }
  found.push({ kind: 'end', text: '', at: text.length });
  return found;
}

const MAX_DEPTH = 50;

/**
 * Read CQL2 from text.
 *
 * @returns null for an empty text.
 * @throws Cql2SyntaxError
 */
export function fromText(text: string): Cql2 | null {
  return text.trim() ? new Parser(tokens(text)).all() : null;
}

class Parser {
  private next = 0;
  private depth = 0;

  constructor(private readonly tokens: readonly Token[]) {}

  all(): Cql2 {
    const found = this.or();
    if (this.here.kind !== 'end') {
      throw this.wrong('AND or OR');
    }
    return found;
  }

  private get here(): Token {
    return this.tokens[this.next] ?? this.tokens[this.tokens.length - 1]!;
  }

  private is(word: string): boolean {
    return this.here.kind === 'word' && this.here.text.toUpperCase() === word;
  }

  private take(word: string): boolean {
    if (this.is(word)) {
      this.next++;
      return true;
    }
    return false;
  }

  private takeSign(sign: string): boolean {
    if (this.here.kind === 'sign' && this.here.text === sign) {
      this.next++;
      return true;
    }
    return false;
  }

  private needSign(sign: string): void {
    if (!this.takeSign(sign)) {
      throw this.wrong(`'${sign}'`);
    }
  }

  private wrong(expected: string): Cql2SyntaxError {
    return new Cql2SyntaxError(expected, this.here.text, this.here.at);
  }

  private or(): Cql2 {
    return this.chain('or', () => this.chain('and', () => this.not()));
  }

  private chain(op: 'and' | 'or', each: () => Cql2): Cql2 {
    const parts = [each()];
    while (this.take(op.toUpperCase())) {
      parts.push(each());
    }
    return parts.length === 1 ? parts[0]! : { op, args: parts };
  }

  private not(): Cql2 {
    if (++this.depth > MAX_DEPTH) {
      throw this.wrong(`at most ${MAX_DEPTH} levels`);
    }
    try {
      if (this.take('NOT')) {
        return { op: 'not', args: [this.not()] };
      }
      if (this.takeSign('(')) {
        const inner = this.or();
        this.needSign(')');
        return inner;
      }
      return this.predicate();
    } finally {
      this.depth--;
    }
  }

  private predicate(): Cql2 {
    const left = this.operand();
    if (this.take('IS')) {
      const negated = this.take('NOT');
      if (!this.take('NULL')) {
        throw this.wrong('NULL');
      }
      return this.maybeNot(negated, { op: 'isNull', args: [left] });
    }
    const negated = this.take('NOT');
    if (this.take('BETWEEN')) {
      const low = this.operand();
      if (!this.take('AND')) {
        throw this.wrong('AND');
      }
      return this.maybeNot(negated, { op: 'between', args: [left, low, this.operand()] });
    }
    if (this.take('LIKE')) {
      return this.maybeNot(negated, { op: 'like', args: [left, this.operand()] });
    }
    if (this.take('IN')) {
      this.needSign('(');
      const values = [this.operand()];
      while (this.takeSign(',')) {
        values.push(this.operand());
      }
      this.needSign(')');
      return this.maybeNot(negated, { op: 'in', args: [left, values] });
    }
    const sign = this.here;
    if (negated || sign.kind !== 'sign' || !['=', '<>', '<', '<=', '>', '>='].includes(sign.text)) {
      throw this.wrong('a comparison');
    }
    this.next++;
    return { op: sign.text, args: [left, this.operand()] };
  }

  private maybeNot(negated: boolean, node: Cql2): Cql2 {
    return negated ? { op: 'not', args: [node] } : node;
  }

  private operand(): Operand {
    const token = this.here;
    switch (token.kind) {
      case 'string':
        this.next++;
        return token.text.replace(/''/g, "'");
      case 'number':
        this.next++;
        return Number(token.text);
      case 'quoted':
        this.next++;
        return { property: token.text.replace(/""/g, '"') };
      case 'word':
        return this.word(token);
      default:
        throw this.wrong('a property or a value');
    }
  }

  private word(token: Token): Operand {
    const upper = token.text.toUpperCase();
    if (upper === 'TRUE' || upper === 'FALSE') {
      this.next++;
      return upper === 'TRUE';
    }
    if (upper === 'TIMESTAMP' || upper === 'DATE') {
      this.next++;
      this.needSign('(');
      const value = this.here;
      if (value.kind !== 'string' || Number.isNaN(Date.parse(value.text))) {
        throw this.wrong('a date in quotes');
      }
      this.next++;
      this.needSign(')');
      return upper === 'DATE' ? { date: value.text } : { timestamp: value.text };
    }
    if (KEYWORDS.has(upper)) {
      throw this.wrong('a property or a value');
    }
    this.next++;
    return { property: token.text };
  }
}
