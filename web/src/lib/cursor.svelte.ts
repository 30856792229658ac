/** The instant that is looked at: all charts of a view show it, whichever of them is pointed at. */

class Cursor {
  /** Seconds; null when nothing is pointed at. */
  at: number | null = $state(null);
  /** The chart that is pointed at. */
  #owner: object | null = null;

  point(owner: object, at: number | null): void {
    this.#owner = owner;
    this.at = at;
  }

  leave(owner: object): void {
    if (this.#owner !== owner) return;
    this.#owner = null;
    this.at = null;
  }
}

export const cursor = new Cursor();

/** Return the step that is looked at in a window; null when it lies outside. */
export function stepAt(
  at: number | null,
  { start, end, step }: { start: number; end: number; step: number },
): number | null {
  if (at === null || at < start - step / 2 || at > end + step / 2) return null;
  return Math.round((at - start) / step);
}
