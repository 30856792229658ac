/** Something that is written twice at once: as a form and as YAML. What was typed last is the truth; the other side follows. */

import type { Mistake } from './api';
import { Asked } from './asked.svelte';
import type { Values } from './ruling';

export type Typed = { text: string } | { values: Values };
export interface Checked {
  text: string;
  values: Values;
  mistakes: Mistake[];
}

const SOON = 250;

export class Editing<Found extends Checked> {
  text = $state('');
  values: Values = $state.raw({});
  /** What became of it, in a sentence; empty once something is typed. */
  told = $state('');
  readonly checking = new Asked<Found>();
  readonly #ask: (typed: Typed, signal: AbortSignal) => Promise<Found>;
  #soon: ReturnType<typeof setTimeout> | undefined;

  constructor(ask: (typed: Typed, signal: AbortSignal) => Promise<Found>) {
    this.#ask = ask;
  }

  get mistakes(): readonly Mistake[] {
    return this.checking.data?.mistakes ?? [];
  }

  /** Whether what stands there can be kept. */
  get ready(): boolean {
    return this.checking.data !== null && !this.checking.busy && this.mistakes.length === 0;
  }

  check(typed: Typed): void {
    this.checking.run(async (signal) => {
      const found = await this.#ask(typed, signal);
      if ('text' in typed) this.values = found.values;
      else this.text = found.text;
      return found;
    });
  }

  /** Check what is being typed, a moment after it was. */
  later(typed: Typed): void {
    this.told = '';
    this.checking.stop();
    this.checking.busy = true;
    clearTimeout(this.#soon);
    this.#soon = setTimeout(() => this.check(typed), SOON);
  }

  fill(next: Values): void {
    this.values = next;
    this.later({ values: next });
  }

  stop(): void {
    clearTimeout(this.#soon);
    this.checking.stop();
  }
}
