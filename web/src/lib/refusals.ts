/** Why the server refused something, in the reader's language. Pure. */

import { refusals, statuses } from '../texts/refusals';
import type { Texts } from '../texts/ko';
import type { Mistake, Refusal } from './api';
import { worded } from './reasons';
import type { Lang } from './times';

export interface Explained {
  what: string;
  /** What to do, or the server's own sentence below words that only say its kind. */
  more: string;
}

/** Return what happened and what to do; a sentence that nobody has worded stands in English below what its status means. */
export function explained(error: Refusal, lang: Lang, texts: Texts): Explained {
  const { status, what, todo, reason } = error;
  if (status === 0 && !what) return { what: texts.problem.unreachable, more: texts.problem.unreachableDo };
  const words = reason && worded(reason, refusals[lang], texts.state);
  if (words) return { what: words, more: reason.code === 'not_valid' ? what : '' };
  const kind = status === 403 ? texts.problem.forbidden : statuses[lang][status];
  return kind ? { what: kind, more: [what, todo].filter(Boolean).join(' · ') } : { what, more: todo };
}

/** Return a mistake of a text, in the reader's language where it is worded. */
export function mistakeIn({ message, reason }: Pick<Mistake, 'message' | 'reason'>, lang: Lang, texts: Texts): string {
  return (reason && worded(reason, refusals[lang], texts.state)) ?? message;
}

/** Return why something was refused in one line. */
export function inOneLine(error: Refusal, lang: Lang, texts: Texts): string {
  const { what, more } = explained(error, lang, texts);
  return [what, more].filter(Boolean).join(' · ');
}
