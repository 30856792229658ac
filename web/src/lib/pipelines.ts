/** What a pipeline is doing, as a mark and as a sentence. */

import type { Texts } from '../texts/ko';
import type { Alert, Paused, Pipeline } from './api';
import { amount, text } from './numbers';
import type { MarkName } from './states';
import { clock, duration, type Lang } from './times';

export type PipelineState = 'running' | 'off' | 'paused' | 'failing' | 'well';

/** A pipeline fails when its last fetch did, or while an alert about it is firing; one that is paused does not. */
export function isFailing({ name, on, paused, last }: Pipeline, alerts: readonly Alert[]): boolean {
  return on && !paused && (last?.outcome === 'failed' || firingAbout(name, alerts) !== undefined);
}

/** Return the alert about the fail rate of a pipeline, while it fires. */
export function firingAbout(name: string, alerts: readonly Alert[]): Alert | undefined {
  return alerts.find(
    ({ state, unit, labels }) => state === 'firing' && unit === 'ratio' && labels['pipeline'] === name,
  );
}

export function stateOfPipeline(pipeline: Pipeline, alerts: readonly Alert[]): PipelineState {
  if (!pipeline.on) return 'off';
  if (pipeline.running) return 'running';
  if (pipeline.paused) return 'paused';
  return isFailing(pipeline, alerts) ? 'failing' : 'well';
}

export function markOfPipeline(state: PipelineState): MarkName {
  return { off: 'wait', running: 'run', paused: 'pause', failing: 'crit', well: 'ok' }[state] as MarkName;
}

/** Return the share of failed fetches; unknown when there was none. */
export function failRate({ fail_rate: { failed, total } }: Pick<Pipeline, 'fail_rate'>): number | null {
  return total > 0 ? failed / total : null;
}

export function summaryOf(pipeline: Pipeline, texts: Texts, lang: Lang, now: number): string {
  if (!pipeline.on) return pipeline.off_because?.[lang] ?? texts.collection.off;
  if (pipeline.paused) return pausedUntil(pipeline.paused, texts, now);
  const rate = failRate(pipeline);
  const parts = [
    rate === null ? texts.collection.noFetch : `${texts.collection.failed} ${text(amount(rate, 'ratio'))}`,
    pipeline.next_at === null ? '' : `${texts.collection.next} ${clock(pipeline.next_at, now, { seconds: false })}`,
  ];
  return parts.filter(Boolean).join(' · ');
}

/** Return by whom it is paused, and until when: "kim이 18:00까지 멈춤". */
export function pausedUntil({ by, until }: Paused, texts: Texts, now: number): string {
  return texts.collection.pausedBy(by, until === null ? null : clock(until, now, { seconds: false }));
}

/** Return how long until the next fetch: "3분 12초 뒤". */
export function untilNext({ next_at }: Pipeline, texts: Texts, lang: Lang, now: number): string {
  return next_at === null ? '–' : texts.page.later(duration(Math.max(0, next_at - now), lang));
}
