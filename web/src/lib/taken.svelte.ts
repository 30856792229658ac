/** How many open alerts matchers would take, asked a moment after they are written. */

import { api, type Matched } from './api';
import { Asked } from './asked.svelte';
import { choice, t } from './choice.svelte';
import { inOneLine } from './refusals';

const SOON = 250;

export class Taken {
  readonly #asked = new Asked<{ matchers: string; matched: Matched }>();
  readonly #matchers: () => string;

  /** Make it while a component is set up. Empty matchers ask nothing. */
  constructor(matchers: () => string) {
    this.#matchers = matchers;
    $effect(() => {
      const written = matchers().trim();
      if (!written) return this.#asked.reset();
      const soon = setTimeout(
        () => this.#asked.run(async (signal) => ({ matchers: written, matched: await api.matched(written, signal) })),
        SOON,
      );
      return () => clearTimeout(soon);
    });
    $effect(() => () => this.#asked.stop());
  }

  /** What is known of the matchers as they are written now; null until it is. */
  get matched(): Matched | null {
    const found = this.#asked.data;
    return found && found.matchers === this.#matchers().trim() ? found.matched : null;
  }

  /** What is wrong with the matchers. */
  get error(): string {
    return this.#asked.error ? inOneLine(this.#asked.error, choice.lang, t()) : '';
  }
}
