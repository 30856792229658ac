import { describe, expect, it } from 'vitest';
import { FIELDS, fieldsOf, withType } from '../src/lib/forms';
import { filled, shownAt, type FieldOf } from '../src/lib/ruling';
import type { TypeField } from '../src/lib/settings';

const field = (kind: 'rota' | 'escalation' | 'route', key: string): FieldOf =>
  FIELDS[kind].find((one) => one.key === key)!;

describe('rows of a form', () => {
  it('are lines, of which the last columns may be left out', () => {
    const values = filled({ name: 'up' }, field('escalation', 'steps'), '10m, ops-slack\n\n30m, , nights ');
    expect(values['steps']).toEqual([
      { after: '10m', receiver: 'ops-slack' },
      { after: '30m', duty: 'nights' },
    ]);
    expect(shownAt(values, field('escalation', 'steps'))).toBe('10m, ops-slack\n30m, , nights');
  });

  it('are left out where they are empty, and shown as they are where they are something else', () => {
    expect(filled({ name: 'n', people: [] }, field('rota', 'people'), ' ')).toEqual({ name: 'n' });
    expect(shownAt({ people: 'kim' }, field('rota', 'people'))).toBe('kim');
  });
});

describe('a flag', () => {
  it('is a truth, or nothing', () => {
    const flag = field('route', 'continue');
    expect(filled({}, flag, 'true')).toEqual({ continue: true });
    expect(filled({ continue: true }, flag, '')).toEqual({});
    expect(shownAt({ continue: false }, flag)).toBe('false');
  });
});

describe('a receiver', () => {
  const of = (key: string, form: TypeField['form'], needed = false): TypeField => ({
    key,
    form,
    options: form === 'choice' ? ['false', 'true'] : [],
    needed,
    default: null,
    description: '',
  });

  it('is asked first for what it needs, and not for what only YAML can say', () => {
    const asked = fieldsOf([of('thread_id', 'number'), of('template', 'yaml'), of('bot_token', 'secret', true)]);
    expect(asked.map(({ key, type }) => [key, type])).toEqual([
      ['bot_token', 'mono'],
      ['thread_id', 'number'],
    ]);
    expect(fieldsOf([of('form', 'choice')])[0]?.type).toBe('flag');
  });

  it('of another type keeps its name alone', () => {
    expect(withType({ name: 'ops', type: 'slack', url: 'https://x' }, 'telegram')).toEqual({
      name: 'ops',
      type: 'telegram',
    });
  });
});
