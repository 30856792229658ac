/** What the panels of one view share: the time they are asked for, when they are asked again, and how many at once. */

import { untrack } from 'svelte';
import { live } from './live.svelte';
import type { Window } from './series';
import { windowOf } from './span';
import { timeline } from './timeline.svelte';
import { Turns } from './turns';
import type { Choices } from './variables';

/** A browser opens six connections to a server; the stream has one, and a person's click needs another. */
const AT_ONCE = 4;

export class Board {
  readonly turns = new Turns(AT_ONCE);
  /** The time of the last look, in milliseconds of the server's clock. */
  at = $state(live.now);
  /** Nobody looks: another tab is in front. */
  hidden = $state(document.hidden);
  readonly window: Window = $derived(windowOf(timeline.stretch, this.at / 1000));
  /** What the variables are; null while they are not known. */
  readonly choices: Choices | null = $derived.by(() => this.#choices());
  readonly #choices: () => Choices | null;

  /** Make it while a component is set up. `refresh` are the seconds between two looks, 0 for one look only. */
  constructor(refresh: () => number, choices: () => Choices | null = () => ({})) {
    this.#choices = choices;
    const every = $derived(timeline.isLive && !this.hidden ? refresh() : 0);
    $effect(() => {
      // A new stretch, or a tab that comes to the front, is looked at now.
      void timeline.stretch;
      void live.returns;
      if (!this.hidden) untrack(() => this.look());
    });
    $effect(() => {
      if (every <= 0) return;
      const timer = setInterval(() => this.look(), every * 1000);
      return () => clearInterval(timer);
    });
    $effect(() => {
      const see = () => (this.hidden = document.hidden);
      document.addEventListener('visibilitychange', see);
      return () => document.removeEventListener('visibilitychange', see);
    });
  }

  /** Ask everything on the screen again. */
  look(): void {
    this.at = live.now === this.at ? this.at + 1 : live.now;
  }
}
