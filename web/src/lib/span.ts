/** The stretch of time that is shown, as the address says it: each end `now-1h`, or milliseconds. Pure: told the time. */

import { fixedWindow, stepFor, type Window } from './series';

/** Seconds before now, or seconds since 1970. */
export type End = { back: number } | { at: number };

export interface Stretch {
  from: End;
  to: End;
}

const UNITS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };
const NOW: End = { back: 0 };

/** Return what one end in the address means; null when it means nothing. */
export function endOf(text: string): End | null {
  if (/^\d+$/.test(text)) return { at: Number(text) / 1000 };
  if (text === 'now') return NOW;
  const parts = /^now-((?:\d+[smhdw])+)$/.exec(text)?.[1]?.match(/\d+[smhdw]/g);
  if (!parts) return null;
  return { back: parts.reduce((sum, part) => sum + Number(part.slice(0, -1)) * UNITS[part.at(-1)!]!, 0) };
}

/** Return an end as the address says it. */
export function textOf(end: End): string {
  if ('at' in end) return String(Math.round(end.at * 1000));
  return end.back === 0 ? 'now' : `now-${short(end.back)}`;
}

/** Return a length as short as it can be said exactly: `15m`, `36h`, `7d`. */
export function short(seconds: number): string {
  const unit = ['d', 'h', 'm'].find((name) => seconds % UNITS[name]! === 0) ?? 's';
  return `${seconds / UNITS[unit]!}${unit}`;
}

/** Return the stretch between two ends of the address; the last `fallback` seconds where they make none. */
export function stretchOf(from: string, to: string, fallback: number): Stretch {
  const [begin, end] = [endOf(from), endOf(to || 'now')];
  const usual = { from: { back: fallback }, to: NOW };
  return begin && end && comesBefore(begin, end) ? { from: begin, to: end } : usual;
}

/** Whether `from` lies before `to`; of an instant and a time before now only later hours can tell, so it may. */
export function comesBefore(from: End, to: End): boolean {
  if ('back' in from && 'back' in to) return from.back > to.back;
  return !('at' in from && 'at' in to) || from.at < to.at;
}

export function instantOf(end: End, now: number): number {
  return 'at' in end ? end.at : now - end.back;
}

/** Whether the end of the stretch is now, so that new samples belong to it. */
export function isLive(stretch: Stretch): boolean {
  return 'back' in stretch.to && stretch.to.back === 0;
}

/** Return the length of a stretch that ends now; null for every other one. */
export function lastSeconds(stretch: Stretch): number | null {
  return isLive(stretch) && 'back' in stretch.from ? stretch.from.back : null;
}

/** Return the steps of a stretch at `now` (seconds): round ones, so that a curve asked again does not tremble. */
export function windowOf(stretch: Stretch, now: number): Window {
  const to = instantOf(stretch.to, now);
  const from = Math.min(instantOf(stretch.from, now), to - 1);
  if ('at' in stretch.from) return fixedWindow(from, to);
  const step = stepFor(to - from);
  const end = Math.floor(to / step) * step;
  return { start: end - Math.ceil((to - from) / step) * step, end, step };
}

/** Return what somebody typed as an end: `now-2h`, `2026-11-21 01:25:00` in the viewer's zone; null for anything else. */
export function typedEnd(typed: string): End | null {
  const text = typed.trim().replace(/\s*-\s*(?=\d+[smhdw])/, '-');
  if (text.startsWith('now')) return endOf(text);
  const match = /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[ T](\d{1,2}):(\d{2})(?::(\d{2}))?)?$/.exec(text);
  if (!match) return null;
  const [year, month, day, hour = 0, minute = 0, second = 0] = match.slice(1).map((part) => Number(part ?? 0));
  const date = new Date(year!, month! - 1, day, hour, minute, second);
  // 31 April is a date to JavaScript: the first of May.
  const meant = date.getMonth() === month! - 1 && date.getDate() === day && date.getHours() === hour;
  return meant && minute < 60 && second < 60 ? { at: date.getTime() / 1000 } : null;
}

/** Return an end as a field shows it, so that it can be typed back. */
export function typedText(end: End): string {
  if ('back' in end) return textOf(end);
  const date = new Date(end.at * 1000);
  const two = (part: number) => String(part).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}
