/** The stretch of time that all charts of a view share. It lives in the address: `?range=1h`, or `?from=…&to=…` after a zoom. */

import { live } from './live.svelte';
import { place } from './place.svelte';
import { SPANS, fixedWindow, stepFor, type Span, type Window } from './series';

export const DEFAULT_SPAN: Span = '1h';

class Timeline {
  /** The span that moves with the time; null when zoomed. */
  readonly span: Span | null = $derived.by(() => {
    if (this.#fixed) return null;
    const asked = place.get('range');
    return asked in SPANS ? (asked as Span) : DEFAULT_SPAN;
  });
  readonly #fixed = $derived.by(() => {
    const [from, to] = [Number(place.get('from')), Number(place.get('to'))];
    return place.get('from') && to > from ? { from: from / 1000, to: to / 1000 } : null;
  });
  // A number, so that charts ask again only when a step has passed, not every second.
  readonly #end = $derived.by(() => {
    const step = stepFor(SPANS[this.span ?? DEFAULT_SPAN]);
    return Math.floor(live.now / 1000 / step) * step;
  });
  readonly window: Window = $derived.by(() => {
    if (this.#fixed) return fixedWindow(this.#fixed.from, this.#fixed.to);
    const seconds = SPANS[this.span ?? DEFAULT_SPAN];
    return { start: this.#end - seconds, end: this.#end, step: stepFor(seconds) };
  });

  choose(span: Span): void {
    place.set({ range: span === DEFAULT_SPAN ? null : span, from: null, to: null });
  }

  /** Show from…to (seconds) in all charts; the browser's back button leads out again. */
  zoom(from: number, to: number): void {
    place.set({ from: String(Math.floor(from) * 1000), to: String(Math.ceil(to) * 1000) });
  }

  /** Move by half of what is shown. */
  shift(direction: 1 | -1): void {
    const { start, end } = this.window;
    const by = ((end - start) / 2) * direction;
    if (end + by >= live.now / 1000) this.leave();
    else this.zoom(start + by, end + by);
  }

  leave(): void {
    place.set({ from: null, to: null });
  }
}

export const timeline = new Timeline();
