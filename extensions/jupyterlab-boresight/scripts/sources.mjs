// Hash of everything that the built panels are made of: tells whether the build is of these sources.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

const FOLDERS = ['src', 'style'];
const FILES = ['package.json', 'package-lock.json', 'tsconfig.json'];
const ONLY_TESTS = /\.spec\.tsx?$|^src\/testing\//;

export function sourcesHash(root) {
  const paths = FOLDERS.flatMap(folder =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile())
      .map(entry => relative(root, join(entry.parentPath, entry.name)))
  ).filter(path => !ONLY_TESTS.test(path));
  const hash = createHash('sha256');
  for (const path of [...paths, ...FILES].sort()) {
    hash.update(`${path}\n`).update(readFileSync(join(root, path))).update('\n');
  }
  return hash.digest('hex');
}
