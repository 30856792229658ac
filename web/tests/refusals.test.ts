import { expect, test } from 'vitest';
import { Refusal, type Reason } from '../src/lib/api';
import { explained, inOneLine, mistakeIn } from '../src/lib/refusals';
import { en } from '../src/texts/en';
import { ko } from '../src/texts/ko';

function refused(status: number, what: string, reason: Reason | null = null, todo = ''): Refusal {
  return new Refusal(status, what, 'ends_at', todo, null, reason);
}

test('what the server refuses is said in the language of the reader, with its values', () => {
  const sentence = 'a silence lasts at most 90d (`longest_silence`)';
  const error = refused(400, sentence, { code: 'silence_too_long', values: { seconds: 90 * 86_400 } });
  expect(explained(error, 'ko', ko)).toEqual({
    what: '무음은 90\u2009d까지 할 수 있습니다 (longest_silence).',
    more: '',
  });
  expect(explained(error, 'en', en)).toEqual({ what: sentence, more: '' });
});

test('a sentence that nobody has worded stands below what its status means, in Korean too', () => {
  const full = refused(507, 'state cannot be written (disk full); free some space');
  expect(explained(full, 'ko', ko).what).toContain('저장할 곳이 가득 찼습니다');
  expect(explained(full, 'ko', ko).more).toBe('state cannot be written (disk full); free some space');
  expect(inOneLine(refused(400, 'of tomorrow', { code: 'of tomorrow', values: {} }), 'ko', ko)).toContain(
    'of tomorrow',
  );
});

test('a severity inside is said in the words of the page, and a value that is not right names its field', () => {
  const values = { severity: 'critical', condition: '<= 0.9', own: '>= 0.9' };
  expect(inOneLine(refused(400, '', { code: 'looks_other_way', values }), 'ko', ko)).toContain('심각 한도 <= 0.9');
  const wrong = refused(422, 'Input should be a valid datetime', { code: 'not_valid', values: { field: 'ends_at' } });
  expect(explained(wrong, 'ko', ko)).toEqual({
    what: 'ends_at 값이 맞지 않습니다.',
    more: 'Input should be a valid datetime',
  });
});

test('nothing is said of a server that was not reached but that', () => {
  expect(inOneLine(new Refusal(0, ''), 'ko', ko)).toContain(ko.problem.unreachable);
});

test('why a text does not count is said with its first mistake, in the language of the reader where that is worded', () => {
  const message = 'zone: no zone; every: input should be greater than or equal to 1';
  const what = { code: 'no_zone', values: { text: 'Seoul' } };
  const all = (inner: typeof what | string) => ({
    message,
    reason: { code: 'text_has_mistakes', values: { key: 'zone', what: inner, more: 1 } },
  });
  expect(mistakeIn(all(what), 'ko', ko)).toBe(
    'zone: Seoul은(는) 시간대 이름이 아닙니다. Asia/Seoul, UTC처럼 쓰세요. (그 밖에 1개)',
  );
  expect(mistakeIn(all('of tomorrow'), 'ko', ko)).toBe('zone: of tomorrow (그 밖에 1개)');
  expect(mistakeIn(all(what), 'en', en)).toBe(message);
});
