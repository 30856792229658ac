/** The stretch of time that all charts of a view share. It lives in the address: `?from=now-6h`, or `?from=…&to=…` after a zoom. */

import { untrack } from 'svelte';
import { live } from './live.svelte';
import { place } from './place.svelte';
import type { Window } from './series';
import { endOf, instantOf, isLive, lastSeconds, stretchOf, textOf, windowOf, type End, type Stretch } from './span';

const HOUR = 3600;

class Timeline {
  /** What is shown while the address names no time, in seconds; a view that has a wish sets it. */
  usual = $state(HOUR);
  readonly #from = $derived(place.get('from'));
  readonly #to = $derived(place.get('to'));
  readonly stretch: Stretch = $derived(stretchOf(this.#from, this.#to, this.usual));
  /** The length of a stretch that ends now; null for every other one. */
  readonly span: number | null = $derived(lastSeconds(this.stretch));
  readonly isLive: boolean = $derived(isLive(this.stretch));
  // A text, so that charts ask again only when a step has passed, not every second.
  readonly #steps = $derived(JSON.stringify(windowOf(this.stretch, live.now / 1000)));
  readonly window: Window = $derived(JSON.parse(this.#steps) as Window);
  /** The steps at the time when the stretch was chosen: for what need not follow every step. */
  readonly windowThen: Window = $derived.by(() => {
    const { stretch } = this;
    return windowOf(stretch, untrack(() => live.now) / 1000);
  });

  /** Show the last `seconds`. */
  choose(seconds: number): void {
    this.show({ from: { back: seconds }, to: { back: 0 } });
  }

  show({ from, to }: Stretch): void {
    const isUsual = 'back' in from && from.back === this.usual && isLive({ from, to });
    const until = 'back' in to && to.back === 0 ? null : textOf(to);
    place.set({ from: isUsual ? null : textOf(from), to: until });
  }

  /** Show from…to (seconds) in all charts; the browser's back button leads out again. */
  zoom(from: number, to: number): void {
    this.show({ from: { at: Math.floor(from) }, to: { at: Math.ceil(to) } });
  }

  /** Move by half of what is shown. */
  shift(direction: 1 | -1): void {
    const now = live.now / 1000;
    const [from, to] = [this.stretch.from, this.stretch.to].map((end: End) => instantOf(end, now)) as [number, number];
    const by = ((to - from) / 2) * direction;
    if (to + by >= now) this.choose(Math.round(to - from));
    else this.zoom(from + by, to + by);
  }

  /** Show the usual stretch again. */
  leave(): void {
    place.set({ from: null, to: null });
  }

  get isUsual(): boolean {
    return endOf(this.#from) === null;
  }
}

export const timeline = new Timeline();
