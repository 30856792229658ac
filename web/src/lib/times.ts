/** Times for people, in the viewer's zone unless another is named. Milliseconds everywhere. */

export type Lang = 'ko' | 'en';

const WORDS = {
  ko: { day: '일', hour: '시간', minute: '분', second: '초', joint: '' },
  en: { day: 'd', hour: 'h', minute: 'min', second: 's', joint: ' ' },
} as const;

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Below this length: the unit of the first part and its word, then those of the second. */
const SCALES = [
  [MINUTE, SECOND, 'second', 0, 'second'],
  [HOUR, MINUTE, 'minute', SECOND, 'second'],
  [DAY, HOUR, 'hour', MINUTE, 'minute'],
  [Infinity, DAY, 'day', HOUR, 'hour'],
] as const;

/** Return a length in two parts at most: "3시간 41분", "3 h 41 min"; below a second with one decimal. */
export function duration(length: number, lang: Lang, { parts = 2 }: { parts?: 1 | 2 } = {}): string {
  const words = WORDS[lang];
  const part = (count: number | string, word: string) => `${count}${words.joint}${word}`;
  const size = Math.max(0, length);
  if (size < SECOND) return part((Math.floor(size / 100) / 10).toFixed(1), words.second);
  const [, unit, word, smaller, smallerWord] = SCALES.find(([below]) => size < below)!;
  const big = part(Math.floor(size / unit), words[word]);
  const rest = smaller ? Math.floor((size % unit) / smaller) : 0;
  return parts === 2 && rest > 0 ? `${big} ${part(rest, words[smallerWord])}` : big;
}

/** Return the clock for today and month-day with the clock for any other day. */
export function clock(
  at: number,
  now: number,
  { seconds = true, zone }: { seconds?: boolean; zone?: string } = {},
): string {
  const then = partsOf(at, zone);
  const today = partsOf(now, zone);
  const time = seconds ? `${then.hour}:${then.minute}:${then.second}` : `${then.hour}:${then.minute}`;
  if (dayOf(at, zone) === dayOf(now, zone)) return time;
  const date = `${then.month}-${then.day}`;
  return `${then.year === today.year ? date : `${then.year}-${date}`} ${then.hour}:${then.minute}`;
}

/** Return the whole instant, to the millisecond, with the zone: what a hover shows. */
export function exact(at: number, zone?: string): string {
  const p = partsOf(at, zone);
  const milliseconds = String(new Date(at).getUTCMilliseconds()).padStart(3, '0');
  return `${p.year}-${p.month}-${p.day} ${p.hour}:${p.minute}:${p.second}.${milliseconds} (${zoneName(zone)})`;
}

/** Return the day as `2026-11-21`, which sorts and fits a date field. */
export function dayOf(at: number, zone?: string): string {
  const p = partsOf(at, zone);
  return `${p.year}-${p.month}-${p.day}`;
}

/** Return the first millisecond of a day written as `2026-11-21`, in the viewer's zone; null for anything else. */
export function startOfDay(day: string): number | null {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(day);
  if (!match) return null;
  const at = new Date(Number(match[1]), Number(match[2]) - 1, Number(match[3])).getTime();
  return Number.isNaN(at) ? null : at;
}

/** Return the name of the weekday, short. */
export function weekday(at: number, lang: Lang, zone?: string): string {
  return new Intl.DateTimeFormat(lang === 'ko' ? 'ko-KR' : 'en-GB', { weekday: 'short', timeZone: zone }).format(at);
}

export function zoneName(zone?: string): string {
  return zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
}

interface Parts {
  year: string;
  month: string;
  day: string;
  hour: string;
  minute: string;
  second: string;
}

const formatters = new Map<string, Intl.DateTimeFormat>();

function partsOf(at: number, zone?: string): Parts {
  const key = zone ?? '';
  let formatter = formatters.get(key);
  if (!formatter) {
    formatter = new Intl.DateTimeFormat('en-GB', {
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
      hourCycle: 'h23',
      timeZone: zone,
    });
    formatters.set(key, formatter);
  }
  return Object.fromEntries(formatter.formatToParts(at).map(({ type, value }) => [type, value])) as unknown as Parts;
}
