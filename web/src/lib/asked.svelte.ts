/** Something asked of the server: on its way, here, or refused. What is here stays while it is asked again. */

import { Refusal } from './api';

export class Asked<T> {
  data: T | null = $state.raw(null);
  error: Refusal | null = $state.raw(null);
  busy = $state(false);
  #controller: AbortController | null = null;

  /** Ask, giving up what was asked before. */
  async run(ask: (signal: AbortSignal) => Promise<T>): Promise<void> {
    this.#controller?.abort();
    const controller = new AbortController();
    this.#controller = controller;
    this.busy = true;
    try {
      const data = await ask(controller.signal);
      if (controller.signal.aborted) return;
      this.data = data;
      this.error = null;
    } catch (error) {
      if (controller.signal.aborted) return;
      this.error = error instanceof Refusal ? error : new Refusal(0, String(error));
    } finally {
      if (this.#controller === controller) this.busy = false;
    }
  }

  stop(): void {
    this.#controller?.abort();
  }

  reset(): void {
    this.stop();
    this.data = null;
    this.error = null;
  }
}
