/** Receivers, windows, rotas, escalations and routes as forms show them. Pure. */

import { mono, type FieldOf, type Values } from './ruling';
import type { SettingKind, TypeField } from './settings';

const NAME: FieldOf = { key: 'name', type: 'text' };
const DAYS: FieldOf = { key: 'days', type: 'list', hint: 'mon-fri' };

/** The fields of everything but receivers. */
export const FIELDS: Record<Exclude<SettingKind, 'receiver'>, readonly FieldOf[]> = {
  window: [
    NAME,
    mono('zone', 'Asia/Seoul'),
    DAYS,
    mono('from', '22:00'),
    mono('to', '07:00'),
    { key: 'dates', type: 'list', hint: '2026-12-24, 2026-12-30/2027-01-02' },
    mono('holidays', 'KR'),
    mono('match', 'host=~"db-.*"'),
  ],
  rota: [
    NAME,
    { key: 'people', type: { rows: ['name', 'receiver'] }, hint: 'kim, ops-slack' },
    mono('starts', '2026-01-05'),
    { key: 'every', type: 'number', hint: '7' },
    mono('hand_over', '09:00'),
    mono('zone', 'Asia/Seoul'),
    DAYS,
    mono('from', '00:00'),
    mono('to', '24:00'),
    mono('not_on_holidays', 'KR'),
    mono('otherwise'),
    {
      key: 'overrides',
      type: { rows: ['person', 'from', 'to'] },
      hint: 'lee, 2026-12-24T09:00:00+09:00, 2026-12-25T09:00:00+09:00',
    },
  ],
  escalation: [
    NAME,
    { key: 'steps', type: { rows: ['after', 'receiver', 'duty'] }, hint: '10m, ops-slack' },
    { key: 'pause_while_muted', type: 'flag' },
  ],
  route: [
    NAME,
    mono('match', 'severity="critical", host=~"web-.*"'),
    mono('receiver', 'ops-slack'),
    mono('duty'),
    mono('escalate'),
    { key: 'mute', type: 'list' },
    { key: 'active', type: 'list' },
    { key: 'group_by', type: 'list', hint: 'rule, host' },
    mono('group_wait', '30s'),
    mono('repeat_interval', '4h'),
    { key: 'continue', type: 'flag' },
  ],
};

/** Fields of long texts, which take the whole width. */
export const WIDE_SETTINGS = ['match', 'people', 'overrides', 'steps', 'url', 'dates'];

/** What a new one begins with. */
export function fresh(kind: SettingKind): Values {
  switch (kind) {
    case 'receiver':
      return { name: '', type: 'slack' };
    case 'window':
      return { name: '', zone: 'Asia/Seoul', from: '22:00', to: '07:00' };
    case 'rota':
      return { name: '', zone: 'Asia/Seoul', people: [], starts: '' };
    case 'escalation':
      return { name: '', steps: [] };
    case 'route':
      return { name: '', match: '' };
  }
}

/** The fields of a receiver: what its type needs first; what only YAML can say is left to it. */
export function fieldsOf(type: readonly TypeField[]): FieldOf[] {
  const shown = type.filter(({ form }) => form !== 'yaml');
  return shown.toSorted((a, b) => Number(b.needed) - Number(a.needed)).map(fieldOf);
}

function fieldOf({ key, form, options, default: usual }: TypeField): FieldOf {
  const hint = usual === null || usual === '' ? '' : String(usual);
  if (form === 'choice') return { key, type: options.includes('true') ? 'flag' : options };
  if (form === 'secret') return mono(key, '***');
  return form === 'text' ? mono(key, hint) : { key, type: form as 'number' | 'list', hint };
}

/** A receiver of another type: its name stays, the rest is another's. */
export function withType(values: Values, type: string): Values {
  return { name: values['name'] ?? '', type };
}
