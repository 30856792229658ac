/** Words that several nouns share. */

export type Severity = 'critical' | 'warning' | 'info';
export type AlertUnit = 'ratio' | 'bytes' | 'seconds' | 'count' | '';

export interface Bilingual {
  ko: string;
  en: string;
}

export interface Between {
  from: number;
  to: number;
}

export type HostState = 'ok' | 'pending' | 'warning' | 'critical' | 'no_data' | 'away';
export type Outcome = 'succeeded' | 'failed' | 'cancelled';

/** Why something is as it is: a code, and its numbers, texts and other reasons. Times are in seconds. */
export interface Reason {
  code: string;
  values: Record<string, number | string | null | Reason>;
}

export interface Mistake {
  key: string;
  /** From 1; 0 where it is about the whole text. */
  line: number;
  message: string;
  /** What the message says, for saying it in another language. */
  reason?: Reason | null;
}

/** A rule or a setting as a list shows it. */
export interface Kept {
  name: string;
  /** Where it stands, `rules/disks.yaml`, of a file's; null of the page's. */
  file: string | null;
  /** From 1; 0 where it has no line of its own. */
  line: number;
  /** What a change of it names, of the page's. */
  revision: number | null;
  changed_by: string | null;
  changed_at: number | null;
  /** Why it does not count; empty where it does. */
  aside: string;
  /** What `aside`, or of a setting its `note`, says, for saying it in another language. */
  reason: Reason | null;
}
