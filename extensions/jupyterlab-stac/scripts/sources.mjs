// Hash of everything that the built panel is made of: tells whether the build is of these sources.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

const FOLDERS = ['src', 'style', 'schema'];
const FILES = ['package.json', 'package-lock.json', 'tsconfig.json'];

export function sourcesHash(root) {
  const paths = FOLDERS.flatMap(folder =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile() && !entry.name.endsWith('.spec.ts'))
      .map(entry => relative(root, join(entry.parentPath, entry.name)))
  );
  const hash = createHash('sha256');
  for (const path of [...paths, ...FILES].sort()) {
    hash.update(`${path}\n`).update(readFileSync(join(root, path))).update('\n');
  }
  return hash.digest('hex');
}
