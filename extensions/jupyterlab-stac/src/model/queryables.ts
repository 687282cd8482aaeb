/** Properties that an API offers to filter by: from JSON Schema to what a form can show. */

export type QueryableKind = 'number' | 'integer' | 'enum' | 'text' | 'date' | 'boolean';

export interface Queryable {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly kind: QueryableKind;
  readonly values: readonly (string | number)[];
  readonly minimum: number | null;
  readonly maximum: number | null;
}

/** Those that have fields of their own in the form, or are no scalars. */
const ELSEWHERE = new Set(['id', 'collection', 'geometry', 'bbox', 'datetime', 'eo:cloud_cover']);

/** Read a queryables document; what cannot be shown as a field is left out. */
export function queryablesOf(schema: unknown): Queryable[] {
  const root = asObject(schema);
  const properties = asObject(root?.['properties']);
  if (!root || !properties) {
    return [];
  }
  const found: Queryable[] = [];
  for (const [name, raw] of Object.entries(properties)) {
    const property = resolved(asObject(raw), root);
    const kind = property && kindOf(property, name);
    if (!property || !kind || ELSEWHERE.has(name)) {
      continue;
    }
    found.push({
      name,
      title: typeof property['title'] === 'string' && property['title'] ? property['title'] : name,
      description: typeof property['description'] === 'string' ? property['description'] : '',
      kind,
      values: kind === 'enum' ? valuesOf(property) : [],
      minimum: asNumber(property['minimum']),
      maximum: asNumber(property['maximum'])
    });
  }
  return found.sort((a, b) => a.title.localeCompare(b.title));
}

type Schema = Readonly<Record<string, unknown>>;

function asObject(value: unknown): Schema | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Schema)
    : null;
}

function asNumber(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** Follow a reference within the document; one to elsewhere is kept for what stands beside it. */
function resolved(property: Schema | null, root: Schema): Schema | null {
  const ref = property?.['$ref'];
  if (!property || typeof ref !== 'string') {
    return property;
  }
  if (!ref.startsWith('#/')) {
    return { ...wellKnown(ref), ...property };
  }
  let target: unknown = root;
  for (const part of ref.slice(2).split('/')) {
    target = asObject(target)?.[part];
  }
  return { ...asObject(target), ...property };
}

/** Of schemas elsewhere, which are not fetched, the name tells the type in the usual cases. */
function wellKnown(ref: string): Schema {
  const last = ref.slice(ref.lastIndexOf('/') + 1);
  if (/^(datetime|created|updated|start_datetime|end_datetime)$/.test(last)) {
    return { type: 'string', format: 'date-time' };
  }
  if (/(gsd|elevation|azimuth|angle|off_nadir|cloud_cover|snow_cover|orbit)$/.test(last)) {
    return { type: 'number' };
  }
  return /(geometry|bbox)$/.test(last) ? { type: 'object' } : { type: 'string' };
}

function valuesOf(property: Schema): (string | number)[] {
  const held = property['enum'] ?? (property['const'] === undefined ? [] : [property['const']]);
  return (Array.isArray(held) ? held : []).filter(
    (one): one is string | number => typeof one === 'string' || typeof one === 'number'
  );
}

function kindOf(property: Schema, name: string): QueryableKind | null {
  if (valuesOf(property).length) {
    return 'enum';
  }
  const alternatives = property['anyOf'] ?? property['oneOf'];
  if (property['type'] === undefined && Array.isArray(alternatives)) {
    const kinds = alternatives.map(one => kindOf(asObject(one) ?? {}, name));
    return kinds.find(kind => kind !== null) ?? null;
  }
  const type = property['type'];
  const types = Array.isArray(type) ? type.filter(one => one !== 'null') : [type];
  switch (types[0]) {
    case 'integer':
      return 'integer';
    case 'number':
      return 'number';
    case 'boolean':
      return 'boolean';
    case 'string':
      return /^date/.test(String(property['format'] ?? '')) ? 'date' : 'text';
    default:
      return null;
  }
}
