/** Language and theme: from the address (`?lang=en&theme=dark`), else as last chosen, else Korean and the system's theme. */

import { en } from '../texts/en';
import { ko, type Texts } from '../texts/ko';
import { place } from './place.svelte';
import type { Lang } from './times';

export type Theme = 'light' | 'dark';

class Choice {
  lang: Lang = $state('ko');
  theme: Theme = $state('light');

  constructor() {
    this.lang = oneOf(['ko', 'en'], place.get('lang'), kept('lang')) ?? 'ko';
    const chosen = oneOf(['light', 'dark'], place.get('theme'), kept('theme'));
    const system = matchMedia('(prefers-color-scheme: dark)');
    this.theme = chosen ?? (system.matches ? 'dark' : 'light');
    if (!chosen)
      system.addEventListener('change', () => !kept('theme') && this.#wear(system.matches ? 'dark' : 'light'));
    if (chosen) keep('theme', chosen);
    keep('lang', this.lang);
    document.documentElement.lang = this.lang;
    document.documentElement.dataset.theme = this.theme;
  }

  switchLang(): void {
    this.lang = this.lang === 'ko' ? 'en' : 'ko';
    document.documentElement.lang = this.lang;
    keep('lang', this.lang);
    place.set({ lang: null }, { replace: true });
  }

  switchTheme(): void {
    this.#wear(this.theme === 'dark' ? 'light' : 'dark');
    keep('theme', this.theme);
    place.set({ theme: null }, { replace: true });
  }

  #wear(theme: Theme): void {
    this.theme = theme;
    document.documentElement.dataset.theme = theme;
  }
}

export const choice = new Choice();

/** Return the texts of the chosen language. */
export function t(): Texts {
  return choice.lang === 'ko' ? ko : en;
}

function oneOf<T extends string>(allowed: readonly T[], ...wanted: (string | null)[]): T | null {
  for (const value of wanted) if (allowed.includes(value as T)) return value as T;
  return null;
}

// Storage is forbidden in some private windows; the page then forgets, and works.
function kept(key: string): string | null {
  try {
    return localStorage.getItem(`gwanje.${key}`);
  } catch {
    return null;
  }
}

function keep(key: string, value: string): void {
  try {
    localStorage.setItem(`gwanje.${key}`, value);
  } catch {
    return;
  }
}
