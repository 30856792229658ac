/** A list that the server gives page by page, newest first. */

import { Asked } from './asked.svelte';
import type { Refusal } from './api';

export interface Page<T> {
  rows: T[];
  /** The cursor of the next, older page; '' when this was the last. */
  next: string;
}

export class Paged<T> {
  readonly #page = new Asked<Page<T>>();
  readonly #ask: (before: string, signal: AbortSignal) => Promise<Page<T>>;
  /** True while only the first page is shown, which may be asked again without moving what is read. */
  atFirst = $state(true);

  constructor(ask: (before: string, signal: AbortSignal) => Promise<Page<T>>) {
    this.#ask = ask;
  }

  get rows(): readonly T[] | null {
    return this.#page.data?.rows ?? null;
  }

  get error(): Refusal | null {
    return this.#page.error;
  }

  get busy(): boolean {
    return this.#page.busy;
  }

  get more(): boolean {
    return Boolean(this.#page.data?.next);
  }

  first(): Promise<void> {
    this.atFirst = true;
    return this.#page.run((signal) => this.#ask('', signal));
  }

  older(): Promise<void> {
    const before = this.#page.data;
    if (!before?.next) return Promise.resolve();
    this.atFirst = false;
    return this.#page.run(async (signal) => {
      const { rows, next } = await this.#ask(before.next, signal);
      return { rows: [...before.rows, ...rows], next };
    });
  }

  stop(): void {
    this.#page.stop();
  }
}
