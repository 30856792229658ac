/** The answers to one panel's queries. What is here stays while it is asked again. */

import { api, Refusal, type Panel } from './api';
import type { Turns } from './turns';
import { lastPoint, legendOf, withCurves, type Found } from './panels';
import { align, lastKnown, type Window } from './series';
import { instantOf, type Stretch } from './span';
import { substituted, type Choices } from './variables';

export interface Question {
  /** The queries as they are asked, with variables replaced, and the templates of their names. */
  exprs: readonly string[];
  legends: readonly string[];
  window: Window;
  /** The instant of queries that ask for one, in seconds. */
  at: number;
}

export interface Answer {
  window: Window;
  /** When it was asked for, in milliseconds. */
  at: number;
  found: Found[];
}

export function questionOf(panel: Panel, choices: Choices, window: Window, stretch: Stretch, now: number): Question {
  const exprs = panel.queries.map(({ expr }) => substituted(expr, choices, window));
  const legends = panel.queries.map(({ legend }) => substituted(legend, choices, window));
  return { exprs, legends, window, at: instantOf(stretch.to, now / 1000) };
}

export class Answers {
  answer: Answer | null = $state.raw(null);
  error: Refusal | null = $state.raw(null);
  busy = $state(false);
  #asked = '';
  #answered = '';
  #controller: AbortController | null = null;

  /** Ask, in turn. A new question gives up the one on its way; the same question at a later time waits for it. */
  async ask(panel: Panel, question: Question, turns: Turns): Promise<void> {
    const { exprs, window } = question;
    const asked = JSON.stringify([exprs, panel.queries, window.end - window.start, window.step]);
    // A server slower than the refresh would never be heard if every refresh began anew.
    if (this.busy && asked === this.#asked) return;
    if (asked !== this.#asked) this.error = null;
    this.#asked = asked;
    this.#controller?.abort();
    const controller = new AbortController();
    this.#controller = controller;
    this.busy = true;
    try {
      const found = await foundBy(panel, question, turns, controller.signal);
      if (controller.signal.aborted) return;
      this.answer = { window, at: Math.round(question.at * 1000), found };
      this.#answered = asked;
      this.error = null;
    } catch (error) {
      if (controller.signal.aborted) return;
      controller.abort();
      // Values of another host, or another stretch, would be taken for those that are asked for.
      if (asked !== this.#answered) this.answer = null;
      this.error = error instanceof Refusal ? error : new Refusal(0, String(error));
    } finally {
      if (this.#controller === controller) this.busy = false;
    }
  }

  stop(): void {
    this.#controller?.abort();
    this.busy = false;
  }
}

async function foundBy(panel: Panel, question: Question, turns: Turns, signal: AbortSignal): Promise<Found[]> {
  const { exprs, legends, window, at } = question;
  const curve = async (expr: string, query: number): Promise<Found[]> => {
    const series = await turns.take(signal, () => api.queryRange(expr, window.start, window.end, window.step, signal));
    return series.map(({ metric, values: points }) => {
      const values = align(points, window);
      return { ...named(query, metric), values, value: lastKnown(values) };
    });
  };
  const point = async (expr: string, query: number): Promise<Found[]> => {
    const series = await turns.take(signal, () => api.query(expr, at, signal));
    return series.map(({ metric, values }) => ({ ...named(query, metric), values: [], value: lastPoint(values) }));
  };
  const named = (query: number, metric: Record<string, string>) => ({
    query,
    metric,
    name: legendOf(legends[query]!, metric) || exprs[query]!,
  });
  const answers = exprs.map(async (expr, query) => {
    if (!panel.queries[query]!.instant) return curve(expr, query);
    if (panel.kind !== 'stat') return point(expr, query);
    const [points, curves] = await Promise.all([point(expr, query), curve(expr, query)]);
    return withCurves(points, curves);
  });
  return (await Promise.all(answers)).flat();
}
