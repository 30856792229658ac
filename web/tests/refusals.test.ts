import { expect, test } from 'vitest';
import { Refusal, type Reason } from '../src/lib/api';
import { explained, inOneLine } from '../src/lib/refusals';
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
