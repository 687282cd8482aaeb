// The directory of people, read from one file. A change is seen at the next request; a file that
// cannot be understood lets nobody in.
import { createHash, timingSafeEqual } from 'node:crypto';
import { statSync } from 'node:fs';

import { readPrivate } from './settings.mjs';

const digest = (text) => createHash('sha256').update(text).digest();

export class People {
  #path;

  #version;

  #byName = new Map();

  #bySubject = new Map();

  constructor(path) {
    this.#path = path;
    this.#load();
  }

  // The person of that name and password, or undefined. Takes the same time for a name that
  // nobody has.
  check(username, password) {
    this.#load();
    const person = this.#byName.get(username);
    const expected = digest(person ? person.password : '');
    const equal = timingSafeEqual(expected, digest(password));
    return person && equal ? person : undefined;
  }

  bySubject(subject) {
    this.#load();
    return this.#bySubject.get(subject);
  }

  #load() {
    const { mtimeNs, ino, size } = statSync(this.#path, { bigint: true, throwIfNoEntry: false })
      ?? {};
    const version = `${mtimeNs} ${ino} ${size}`;
    if (version === this.#version) return;
    this.#version = undefined;
    this.#byName = new Map();
    this.#bySubject = new Map();
    const { people } = JSON.parse(readPrivate(this.#path, 'directory of people'));
    const byName = new Map(people.map((person) => [person.username, person]));
    for (const { username, subject, password, groups } of people) {
      if (![username, subject, password].every((value) => typeof value === 'string' && value)
        || !Array.isArray(groups)) {
        throw new Error(`${this.#path} is not a directory of people`);
      }
    }
    this.#byName = byName;
    this.#bySubject = new Map(people.map((person) => [person.subject, person]));
    this.#version = version;
  }
}

export function claimsOf(person) {
  return {
    sub: person.subject,
    preferred_username: person.username,
    name: person.name,
    groups: [...person.groups],
  };
}
