/** The variables of the dashboard on the screen: their values from the server, what is chosen from the address. */

import { api, Refusal, type Variable } from './api';
import { live } from './live.svelte';
import { place } from './place.svelte';
import { timeline } from './timeline.svelte';
import { addressOf, chosenOf, namesIn, selector, substituted, type Choices, type Chosen } from './variables';

export class VariableChoices {
  readonly #variables: readonly Variable[];
  #known: Record<string, readonly string[]> = $state.raw({});
  #errors: Record<string, Refusal> = $state.raw({});
  readonly #chosen: Record<string, Chosen | null> = $derived.by(() => this.#choose());

  /** Make it while a component is set up. */
  constructor(variables: readonly Variable[]) {
    this.#variables = variables;
    for (const variable of variables) {
      if (!variable.metric) {
        this.#known = { ...this.#known, [variable.name]: variable.options };
        continue;
      }
      const match = $derived(this.#matchOf(variable));
      $effect(() => {
        void live.returns;
        const { start, end } = timeline.windowThen;
        if (match !== null) return this.#ask(variable, match, start, end);
      });
    }
  }

  // A text, so that panels ask again only when something else is chosen, not when the address changes elsewhere.
  readonly #text = $derived(JSON.stringify(this.#chosen));
  /** Everything that is chosen; null while something is not known yet. */
  readonly all: Choices | null = $derived.by(() => {
    const chosen = JSON.parse(this.#text) as Record<string, Chosen | null>;
    return Object.values(chosen).every((one) => one !== null) ? (chosen as Choices) : null;
  });

  of({ name }: Variable): Chosen | null {
    return this.#chosen[name] ?? null;
  }

  /** The values to choose from, those that are chosen but gone among them. */
  valuesOf({ name }: Variable): readonly string[] {
    const known = this.#known[name] ?? [];
    const gone = this.#chosen[name]?.values.filter((value) => !known.includes(value)) ?? [];
    return [...known, ...gone];
  }

  errorOf({ name }: Variable): Refusal | null {
    return this.#errors[name] ?? null;
  }

  /** The first variable without any value, which leaves its panels nothing to ask. */
  get without(): Variable | null {
    return (
      this.#variables.find(({ name }) => this.#chosen[name]?.all === false && !this.#chosen[name]?.values.length) ??
      null
    );
  }

  /** Put the choice into the address; `replace` while several are being chosen. */
  choose({ name }: Variable, chosen: Chosen, { replace = false } = {}): void {
    place.set({ [`var-${name}`]: addressOf(chosen) }, { replace });
  }

  #choose(): Record<string, Chosen | null> {
    const entries = this.#variables.map((variable) => {
      const asked = place.all(`var-${variable.name}`);
      // An answer that did not come must not keep the panels waiting: they say what is wrong themselves.
      const known = this.#known[variable.name] ?? (this.#errors[variable.name] ? [] : undefined);
      return [variable.name, chosenOf(variable, asked, known)] as const;
    });
    return Object.fromEntries(entries);
  }

  /** The selector whose series have the values; null while a variable in it is not known. A variable may not wait for itself. */
  #matchOf(variable: Variable): string | null {
    const matchers = variable.matchers.replace(/^\s*\{|\}\s*$/g, '');
    const needed = namesIn(matchers).filter((name) => name !== variable.name && name in this.#chosen);
    if (needed.some((name) => this.#chosen[name] === null)) return null;
    const known = Object.fromEntries(needed.map((name) => [name, this.#chosen[name]!]));
    return substituted(selector(variable.metric, matchers), known, timeline.windowThen);
  }

  #ask(variable: Variable, match: string, start: number, end: number): () => void {
    const controller = new AbortController();
    api
      .labelValues(variable.label, match, start, end, controller.signal)
      .then((values) => {
        this.#known = { ...this.#known, [variable.name]: naturally(values) };
        this.#errors = without(this.#errors, variable.name);
      })
      .catch((error: unknown) => {
        if (controller.signal.aborted) return;
        const refusal = error instanceof Refusal ? error : new Refusal(0, String(error));
        this.#errors = { ...this.#errors, [variable.name]: refusal };
      });
    return () => controller.abort();
  }
}

/** `web-2` before `web-10`. */
function naturally(values: readonly string[]): string[] {
  return values.toSorted((a, b) => a.localeCompare(b, undefined, { numeric: true }));
}

function without<T>(record: Record<string, T>, name: string): Record<string, T> {
  return Object.fromEntries(Object.entries(record).filter(([key]) => key !== name));
}
