/** The last stretch of one query for a small curve, a value a minute, asked again every half minute. */

import { api } from './api';
import { Asked } from './asked.svelte';
import { live } from './live.svelte';
import { align, bestOf, lastWindow } from './series';

const STEP = 60;
const AGAIN = 30_000;

export class SmallCurve {
  readonly #asked = new Asked<(number | null)[]>();

  /** Make it while a component is set up. An empty query asks nothing, and so does a curve that nobody `seen`s. */
  constructor(query: () => string, seconds: number, { labels = () => ({}), seen = () => true }: Options = {}) {
    const turn = $derived(Math.floor(live.now / AGAIN));
    const text = $derived(query());
    $effect(() => {
      if (!text || !seen()) return;
      const window = { ...lastWindow(seconds, (turn * AGAIN) / 1000), step: STEP };
      const wanted = labels();
      this.#asked.run(async (signal) => {
        const found = await api.queryRange(text, window.start, window.end, STEP, signal);
        return align(bestOf(found, wanted)?.values ?? [], window);
      });
    });
    $effect(() => () => this.#asked.stop());
  }

  get values(): readonly (number | null)[] {
    return this.#asked.data ?? [];
  }
}

interface Options {
  /** The labels of the series that is meant, where the query answers several. */
  labels?: () => Record<string, string>;
  seen?: () => boolean;
}
