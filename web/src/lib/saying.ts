/** Short sentences about alerts, from the texts of a language. */

import type { Alert, AlertUnit, Told } from './api';
import { amount, round, text, type Amount, type Unit } from './numbers';
import type { Texts } from '../texts/ko';
import { clock } from './times';

export function unitOf(unit: AlertUnit): Unit {
  return unit;
}

export function valueOf(alert: Pick<Alert, 'value' | 'unit'>): Amount {
  return amount(alert.value, unitOf(alert.unit));
}

/** Return the threshold with its operator, where that is not the usual "at or above". */
export function limitOf({ threshold, unit, operator }: Pick<Alert, 'threshold' | 'unit' | 'operator'>): string {
  const limit = text(round(threshold, unitOf(unit)));
  return operator === '>=' || operator === '>' ? limit : `${signOf(operator)} ${limit}`;
}

/** Return the operator as it is written by hand. */
export function signOf(operator: string): string {
  return { '>=': '≥', '<=': '≤', '==': '=', '!=': '≠' }[operator] ?? operator;
}

/** Return who was told, who is being told, and who could not be told; the last word of each receiver counts. */
export function toldOf(
  alert: Pick<Alert, 'told' | 'state' | 'fired_at' | 'ended_at'>,
  texts: Texts,
  now: number,
): string {
  const last = new Map<string, Told>();
  for (const told of alert.told) last.set(told.receiver, told);
  if (last.size > 0) return [...last.values()].map((told) => oneTold(told, texts, now)).join(' · ');
  if (alert.fired_at === null) return alert.ended_at === null ? texts.alerts.pendingUntold : texts.alerts.endedPending;
  return texts.alerts.nobodyTold;
}

function oneTold({ receiver, state, at, tries }: Told, texts: Texts, now: number): string {
  if (state === 'failed') return texts.alerts.notTold(receiver, tries);
  if (state === 'waiting' || at === null) return texts.alerts.telling(receiver);
  return texts.alerts.told(receiver, clock(at, now, { seconds: false }));
}
