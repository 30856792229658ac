/** The life of the live connection. Pure: told what happened and the time, it says what to do next. */

export interface Link {
  phase: 'connecting' | 'live' | 'lost';
  /** When the server was last heard; null before the first word. */
  heardAt: number | null;
  /** When the page began to listen: what it shows before the first word is of then. */
  begunAt: number;
  /** When this phase began. */
  since: number;
  /** Attempts that failed in a row. */
  failed: number;
  /** When to connect again, in phase `lost`. */
  retryAt: number;
}

export type Signal = 'heard' | 'failed' | 'passed';

/** The server says `tick` every second; after this long without any word the connection is dead. */
export const SILENCE = 5_000;
const PATIENCE = 10_000;
const LONGEST_WAIT = 15_000;

export function begin(now: number): Link {
  return { phase: 'connecting', heardAt: null, begunAt: now, since: now, failed: 0, retryAt: now };
}

export function step(link: Link, signal: Signal, now: number): Link {
  if (signal === 'heard') {
    const since = link.phase === 'live' ? link.since : now;
    return { ...link, phase: 'live', heardAt: now, since, failed: 0, retryAt: now };
  }
  if (signal === 'failed') return link.phase === 'lost' ? link : lost(link, now, wait(link.failed));
  switch (link.phase) {
    case 'live':
      return now - (link.heardAt ?? link.since) > SILENCE ? lost(link, now, 0) : link;
    case 'connecting':
      return now - link.since > PATIENCE ? lost(link, now, wait(link.failed)) : link;
    case 'lost':
      return now >= link.retryAt ? { ...link, phase: 'connecting', since: now } : link;
  }
}

/** Return true when what is on the screen may be old. */
export function isStale(link: Link, now: number): boolean {
  return link.phase !== 'live' && now - lastKnown(link) > SILENCE;
}

/** Of when what is on the screen is, at the latest. */
export function lastKnown(link: Link): number {
  return link.heardAt ?? link.begunAt;
}

function lost(link: Link, now: number, delay: number): Link {
  return { ...link, phase: 'lost', since: now, failed: link.failed + 1, retryAt: now + delay };
}

function wait(failed: number): number {
  return Math.min(LONGEST_WAIT, 1000 * 2 ** failed);
}
