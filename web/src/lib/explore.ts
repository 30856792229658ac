/** Helps to write an expression: the word at the caret, the metrics that continue it, and where a mistake is. Pure. */

export interface Word {
  start: number;
  end: number;
  text: string;
}

/** Return the name that the caret stands in or behind; null within a string, braces or brackets, where none belongs. */
export function wordAt(expr: string, caret: number): Word | null {
  const before = expr.slice(0, caret);
  const outside = before.replace(/"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`/g, '');
  if (/["'`]/.test(outside) || /[{[][^}\]]*$/.test(outside)) return null;
  const text = /[A-Za-z_:][\w:]*$/.exec(before)?.[0];
  if (!text) return null;
  const rest = /^[\w:]*/.exec(expr.slice(caret))![0];
  return { start: caret - text.length, end: caret + rest.length, text };
}

/** Return the names that begin with the word, then those that contain it; nothing for a name that is whole already. */
export function continued(names: readonly string[], word: string, most = 12): string[] {
  const wanted = word.toLowerCase();
  const holding = names.filter((name) => name !== word && name.toLowerCase().includes(wanted));
  const [first, then] = [true, false].map((begins) =>
    holding.filter((name) => name.toLowerCase().startsWith(wanted) === begins),
  ) as [string[], string[]];
  return [...first, ...then].slice(0, most);
}

/** Return the expression with the word replaced, and where the caret belongs. */
export function completed(expr: string, word: Word, name: string): { expr: string; caret: number } {
  return { expr: expr.slice(0, word.start) + name + expr.slice(word.end), caret: word.start + name.length };
}

/** Return the expression on one line, as a field holds it; what was a comment to the end of its line is left out. */
export function oneLine(expr: string): string {
  const bare = expr.replace(/("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)|#[^\n]*/g, '$1');
  return bare.replace(/\s*\n\s*/g, ' ').trim();
}

export interface Mistake {
  /** The place in the expression, counted from 0. */
  at: number;
  what: string;
}

/** Return the mistake that the server found in `expr`: it says line and column, both from 1. Null when it says no place. */
export function mistakeIn(expr: string, said: string): Mistake | null {
  const match = /^(?:invalid parameter "query": )?(\d+):(\d+): (?:parse error: )?(.*)$/s.exec(said);
  if (!match) return null;
  const lines = expr.split('\n');
  const line = Number(match[1]) - 1;
  const start = lines.slice(0, line).reduce((sum, one) => sum + one.length + 1, 0);
  return { at: Math.min(expr.length, start + Number(match[2]) - 1), what: match[3]! };
}
