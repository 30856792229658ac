/** Why an alert changed or a label set stands as it does, in the reader's language. Pure. */

import { reasons, type Said } from '../texts/reasons';
import type { AlertUnit, Reason } from './api';
import { amount, round, text } from './numbers';
import { signOf } from './saying';
import { clock, dayOf, type Lang } from './times';

/** Return the reason in words; the sentence itself where it has no code, or one that this page does not know. */
export function inWords(
  sentence: string,
  reason: Reason | null | undefined,
  lang: Lang,
  states: Record<string, string>,
): string {
  return (reason && worded(reason, reasons[lang], states)) ?? sentence;
}

export type Wordings = Partial<Record<string, (said: Said) => string>>;

/** Return the text of a reason's code with its values in it; null where there is none. */
export function worded({ code, values }: Reason, texts: Wordings, states: Record<string, string>): string | null {
  const said = new Map<string, string>();
  const unit = (values['unit'] ?? '') as AlertUnit;
  for (const [name, value] of Object.entries(values)) {
    const inner =
      typeof value === 'object' && value !== null ? worded(value, texts, states) : one(name, value, unit, states);
    if (inner === null) return null;
    said.set(name, inner);
  }
  const { operator, threshold } = values;
  const limit =
    typeof operator === 'string' && typeof threshold === 'number'
      ? `${signOf(operator)} ${text(round(threshold, unit))}`
      : '';
  return texts[code]?.((name) => (name === 'limit' ? limit : (said.get(name) ?? ''))) ?? null;
}

const MEASURED = new Set(['value', 'middle', 'deviation']);
const TIMES = new Set(['until', 'since']);
const SEVERITIES = new Set(['before', 'after', 'severity']);

function one(name: string, value: number | string | null, unit: AlertUnit, states: Record<string, string>): string {
  if (value === null) return '';
  if (typeof value === 'string') return SEVERITIES.has(name) ? (states[value] ?? value) : value;
  if (TIMES.has(name)) return `${dayOf(value)} ${clock(value, value, { seconds: false })}`;
  if (name === 'seconds') return text(round(value, 'seconds'));
  return text(amount(value, MEASURED.has(name) ? unit : 'count'));
}
