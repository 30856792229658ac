/** The overview in a view: asked once over plain HTTP, then streamed while the view is on the screen. */

import { api, type Overview, type Refusal } from './api';
import { Asked } from './asked.svelte';
import { live } from './live.svelte';

export interface Snapshot {
  readonly error: Refusal | null;
  again(): void;
}

/** Call while a component is set up. What arrives is in `live.overview`. */
export function askOverview(): Snapshot {
  const asked = new Asked<Overview>();
  const ask = () => asked.run(api.overview);
  $effect(() => live.watch('overview'));
  $effect(() => {
    ask();
    return () => asked.stop();
  });
  $effect(() => {
    // The stream's word is newer than an answer that was on its way.
    if (asked.data && (live.overview === null || live.overview.at < asked.data.at)) {
      live.overview = asked.data;
      live.tally = asked.data.tally;
    }
  });
  return {
    get error() {
      return asked.error;
    },
    again: ask,
  };
}
