/** What the person has to know, from what the server says. */

import type { Translate } from '../i18n';
import type { Death, Home, Idle, Memory, Packages } from './api';
import { gib, localeOf } from './format';

export type NoticeAction = 'here' | 'keep' | 'files';

export interface Notice {
  /** Tells one notice from another; the same as long as it is about the same thing. */
  readonly key: string;
  readonly level: 'info' | 'warning' | 'error';
  readonly text: string;
  readonly actions: readonly NoticeAction[];
  /** Whether it goes by itself when its cause has gone. */
  readonly passes: boolean;
}

const LONGEST_KEEP_H = 4;
const HOUR_S = 3600;
const LONGEST_CELL = 120;

/** Hours that "keep" asks for, within what may be had; 0 when nothing is left. */
export function hoursToKeep(idle: Idle): number {
  const judgement = idle.judgement;
  if (!judgement) {
    return 0;
  }
  const left = Math.min(judgement.keep_longest_s, judgement.quota_left_s) / HOUR_S;
  return left >= LONGEST_KEEP_H ? LONGEST_KEEP_H : Math.floor(left * 100) / 100;
}

export function noticesOf(
  said: {
    idle: Idle | null;
    home: Home | null;
    memory: Memory | null;
    packages: Packages | null;
  },
  trans: Translate,
  language: string
): Notice[] {
  return [
    ...ofIdle(said.idle, trans, language),
    ...ofHome(said.home, trans, language),
    ...ofPackages(said.packages, trans),
    ...(said.memory?.deaths ?? []).map(death => ofDeath(death, trans, language))
  ];
}

function ofIdle(idle: Idle | null, trans: Translate, language: string): Notice[] {
  const judgement = idle?.judgement;
  if (!idle || !judgement) {
    return [];
  }
  const found: Notice[] = [];
  if (judgement.state === 'warned') {
    const at = new Date(judgement.ends_at).toLocaleTimeString(localeOf(language), {
      hour: '2-digit',
      minute: '2-digit'
    });
    found.push({
      key: 'idle',
      level: 'warning',
      text: trans('Nobody uses this server: it ends at %1. What is saved stays.', at),
      actions: hoursToKeep(idle) > 0 ? ['here', 'keep'] : ['here'],
      passes: true
    });
  }
  for (const one of judgement.announcements) {
    found.push({
      key: `announcement ${one.id}`,
      level: one.level,
      text: one.text[language] ?? one.text['en'] ?? '',
      actions: [],
      passes: true
    });
  }
  for (const one of judgement.ended_before) {
    const when = new Date(one.ended_at).toLocaleString(localeOf(language), {
      dateStyle: 'medium',
      timeStyle: 'short'
    });
    const open = one.open.join(', ');
    found.push({
      key: `ended ${one.ended_at}`,
      level: 'info',
      text: open
        ? trans('Your server was ended on %1, because nobody had used it. Open in it: %2.', when, open)
        : trans('Your server was ended on %1, because nobody had used it.', when),
      actions: [],
      passes: false
    });
  }
  return found;
}

function ofHome(home: Home | null, trans: Translate, language: string): Notice[] {
  if (!home) {
    return [];
  }
  const biggest = home.biggest
    .slice(0, 3)
    .map(one => `${one.path} (${gib(one.size_bytes, language)})`)
    .join(', ');
  if (home.is_full) {
    const text = trans('Your home is full: nothing can be saved. Delete what takes room: %1.', biggest);
    return [{ key: 'home full', level: 'error', text, actions: ['files'], passes: true }];
  }
  if (home.is_rescue) {
    const text = trans('There is room in your home again: restart your server to work as usual.');
    return [{ key: 'home rescued', level: 'info', text, actions: [], passes: true }];
  }
  if (home.is_nearly_full) {
    const text = trans('Your home is nearly full: %1 are left.', gib(home.free_bytes, language));
    return [{ key: 'home', level: 'warning', text, actions: ['files'], passes: true }];
  }
  return [];
}

function ofPackages(packages: Packages | null, trans: Translate): Notice[] {
  if (packages?.state === 'building') {
    const text = trans('The image is another one: your own packages are built anew for it.');
    return [{ key: 'packages building', level: 'info', text, actions: [], passes: true }];
  }
  if (packages?.state === 'failed') {
    const text = trans('Your own packages do not fit this image: %1', packages.problem);
    return [{ key: 'packages failed', level: 'error', text, actions: [], passes: true }];
  }
  return [];
}

function ofDeath(death: Death, trans: Translate, language: string): Notice {
  const words: string[] = [];
  const name = death.name || trans('a notebook');
  if (death.cause === 'memory') {
    words.push(
      trans(
        'The kernel of %1 was ended, because memory ran out: it had at least %2 of %3.',
        name,
        gib(death.memory_bytes, language),
        gib(death.limit_bytes, language)
      )
    );
  } else if (death.cause === 'signal') {
    words.push(trans('The kernel of %1 was ended by %2.', name, death.signal));
  } else {
    words.push(trans('The kernel of %1 ended by itself.', name));
  }
  if (death.code) {
    const first = death.code.split('\n').find(line => line.trim()) ?? '';
    const shown = first.length > LONGEST_CELL ? `${first.slice(0, LONGEST_CELL)}…` : first;
    words.push(trans('Cell [%1] ran: %2', death.count ?? ' ', shown));
  }
  if (death.cause === 'memory') {
    words.push(
      trans('Work on a part at a time, delete variables, or start a server with more memory.')
    );
  }
  return {
    key: `death ${death.number} ${death.at}`,
    level: 'error',
    text: words.join(' '),
    actions: [],
    passes: false
  };
}
