/** Something that is written twice at once: as a form and as YAML. What was typed last is the truth; the other side follows. */

import type { Kept, Mistake } from './api';
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

/** What an editor begins with: what was read (null of a new one), and what stands in the form and in the text. */
export interface Start<Written> {
  written: Written | null;
  text: string;
  values: Values;
}

/** Something that is opened, written and kept in the place of what was read. */
export class Writing<Found extends Checked, Written extends Kept> {
  readonly opened = new Asked<Written | null>();
  readonly saving = new Asked<Written>();
  readonly editing: Editing<Found>;
  readonly #start: (signal: AbortSignal) => Promise<Start<Written>>;

  constructor(
    start: (signal: AbortSignal) => Promise<Start<Written>>,
    check: (typed: Typed, signal: AbortSignal) => Promise<Found>,
  ) {
    this.#start = start;
    this.editing = new Editing(check);
  }

  /** As it was read; null of a new one. */
  get written(): Written | null {
    return this.opened.data;
  }

  /** Open it, or open it again as it is now; `check` says whether what is wrong with it may be asked. */
  open = async (check: boolean): Promise<void> => {
    this.saving.reset();
    await this.opened.run(async (signal) => {
      const { written, text, values } = await this.#start(signal);
      this.editing.values = values;
      this.editing.text = text;
      return written;
    });
    if (check && !this.opened.error)
      this.editing.check(this.editing.text ? { text: this.editing.text } : { values: this.editing.values });
  };

  /** Keep what is written; null where it was refused. */
  async save(send: (text: string) => Promise<Written>): Promise<Written | null> {
    await this.saving.run(() => send(this.editing.text));
    return this.saving.error ? null : this.saving.data;
  }

  stop(): void {
    for (const one of [this.opened, this.saving, this.editing]) one.stop();
  }
}
