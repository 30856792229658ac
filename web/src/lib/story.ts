/** An alert's story on one time axis: the window of its curve, and the lanes that lie under it. */

import type { Attempt, Muted, Transition } from './api';
import { fixedWindow, type Window } from './series';

const LEAST_BEFORE = 10 * 60_000;

/** Return the window (seconds) that shows the episode with as much time around it as it took, at least ten minutes. */
export function storyWindow(since: number, end: number, now: number, open: boolean): Window {
  const around = Math.max(LEAST_BEFORE, (end - since) / 2);
  return fixedWindow((since - around) / 1000, (open ? end : Math.min(now, end + around)) / 1000);
}

export interface Stretch {
  /** Percent of the window. */
  left: number;
  width: number;
  state: string;
  severity: string | null;
}

/** Return the stretches between transitions, oldest first; before the first one all was well. */
export function stretches(story: readonly (Transition | Attempt)[], window: Window, since: number): Stretch[] {
  const changes = oldestFirst(story)
    .filter((entry) => entry.kind === 'transition')
    .filter(({ before, after, severity }, index, all) => before !== after || severity !== all[index - 1]?.severity);
  const first = { at: window.start * 1000, state: 'ok', severity: null as string | null };
  const marks = [first, ...changes.map(({ at, after, severity }) => ({ at, state: after, severity }))];
  if (changes.length === 0) marks.push({ at: since, state: 'pending', severity: null });
  return marks
    .map((mark, index) => {
      const left = percentOf(mark.at, window);
      return {
        left,
        width: percentOf(marks[index + 1]?.at ?? window.end * 1000, window) - left,
        state: mark.state,
        severity: mark.severity,
      };
    })
    .filter(({ width }) => width > 0);
}

export interface MutedStretch {
  left: number;
  width: number;
  muted: Muted;
}

/** Return when an alert was muted, in as few lanes as hold that without overlap. */
export function mutedLanes(mutings: readonly Muted[], window: Window): MutedStretch[][] {
  const lanes: { until: number; stretches: MutedStretch[] }[] = [];
  for (const muted of mutings.toSorted((a, b) => a.from - b.from)) {
    const to = muted.to ?? Infinity;
    const left = percentOf(muted.from, window);
    const width = (muted.to === null ? 100 : percentOf(muted.to, window)) - left;
    const free = lanes.find(({ until }) => until <= muted.from);
    if (free) {
      free.until = to;
      free.stretches.push({ left, width, muted });
    } else lanes.push({ until: to, stretches: [{ left, width, muted }] });
  }
  return lanes.map(({ stretches }) => stretches);
}

/** Return the story (newest first) in the order in which it happened; what was told comes after what it tells of. */
function oldestFirst(story: readonly (Transition | Attempt)[]): (Transition | Attempt)[] {
  return story
    .toReversed()
    .toSorted((a, b) => a.at - b.at || Number(a.kind === 'attempt') - Number(b.kind === 'attempt'));
}

/** Return where an instant lies in the window, in percent, held inside it. */
export function percentOf(at: number, { start, end }: Window): number {
  return Math.max(0, Math.min(100, ((at / 1000 - start) / (end - start)) * 100));
}

/** Return the attempts of each receiver, in the order of the first attempt. */
export function byReceiver(story: readonly (Transition | Attempt)[]): [string, Attempt[]][] {
  const attempts = story.filter((entry) => entry.kind === 'attempt').toSorted((a, b) => a.at - b.at);
  return Object.entries(Object.groupBy(attempts, ({ receiver }) => receiver)) as [string, Attempt[]][];
}

export interface Chapter {
  at: number;
  transition: Transition | null;
  /** What it was before and is now, where firing is said by its severity. */
  before: string;
  after: string;
  attempts: Attempt[];
}

const MUTING = /^(?:silenced|maintenance|inhibited|mute_window|flapping)(_over)?$/;

/** Return whether a line says that something begins or ends to mute the alert; null for any other line. */
export function mutingOf(transition: Transition | null): 'begins' | 'ends' | null {
  const match = MUTING.exec(transition?.reason?.code ?? '');
  return match && (match[1] ? 'ends' : 'begins');
}

/** Return the story newest first; attempts stand under the transition that caused them. */
export function chapters(story: readonly (Transition | Attempt)[]): Chapter[] {
  const found: Chapter[] = [];
  let severity: string | null = null;
  const said = (state: string) => (state === 'firing' && severity ? severity : state);
  for (const entry of oldestFirst(story)) {
    const chapter = found.at(-1);
    if (entry.kind === 'transition') {
      const before = said(entry.before);
      severity = entry.severity;
      found.push({ at: entry.at, transition: entry, before, after: said(entry.after), attempts: [] });
    } else if (chapter)
      (found.findLast((one) => mutingOf(one.transition) !== 'begins') ?? chapter).attempts.push(entry);
    else found.push({ at: entry.at, transition: null, before: '', after: '', attempts: [entry] });
  }
  return found.reverse();
}
