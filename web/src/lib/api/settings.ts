/** Receivers, routes, windows, rotas and escalations, of files and of the page. */

import type { SettingKind, TypeField } from '../settings';
import { ask, withQuery } from './asking';
import type { Between, Kept, Mistake } from './words';

/** A setting of who is told and when, as a list shows it. */
export interface ListedSetting extends Kept {
  kind: SettingKind;
  /** The type of a receiver; empty for the others. */
  type: string;
  /** What is worth knowing of how it counts. */
  note: string;
  named_by: { kind: SettingKind; name: string }[];
}

/** What a text says; `secrets` are the places of what is shown as `***`. */
export interface CheckedSetting {
  text: string;
  values: Readonly<Record<string, unknown>>;
  mistakes: Mistake[];
  secrets: string[];
}

export type PageSetting = ListedSetting & CheckedSetting;

/** What a text would do; each kind has its own. */
export interface SettingAhead {
  now: number;
  zone?: string;
  holds?: boolean;
  times?: Between[];
  turns?: (Between & { person: string | null })[];
  steps?: { after: string; receiver: string | null; duty: string | null; person: string | null }[];
}

const SETTINGS = '/api/v1/page-settings';

export const settings = {
  pageSettings: async (signal?: AbortSignal) =>
    (await ask<{ settings: ListedSetting[] }>('GET', SETTINGS, undefined, signal)).settings,
  pageSetting: (kind: SettingKind, name: string, ofFile: boolean, signal?: AbortSignal) =>
    ask<PageSetting>('GET', withQuery(SETTINGS, { kind, name, of_file: String(ofFile) }), undefined, signal),
  settingsUrl: (kind: SettingKind | null = null, name: string | null = null) =>
    withQuery(`${SETTINGS}/export`, { kind, name }),
  checkSetting: (
    asked: { kind: SettingKind; name: string | null; text?: string; values?: Readonly<Record<string, unknown>> },
    signal?: AbortSignal,
  ) => ask<CheckedSetting>('POST', `${SETTINGS}/check`, asked, signal),
  settingAhead: (kind: SettingKind, text: string, signal?: AbortSignal) =>
    ask<SettingAhead>('POST', `${SETTINGS}/ahead`, { kind, text }, signal),
  saveSetting: (asked: { kind: SettingKind; text: string; revision: number | null; name: string | null }) =>
    ask<PageSetting>('PUT', SETTINGS, asked),
  dropSetting: (kind: SettingKind, name: string, revision: number) =>
    ask<void>('DELETE', withQuery(SETTINGS, { kind, name, revision })),
  receiverTypes: async (signal?: AbortSignal) =>
    (await ask<{ types: string[] }>('GET', `${SETTINGS}/types`, undefined, signal)).types,
  fieldsOfType: async (type: string, signal?: AbortSignal) =>
    (await ask<{ fields: TypeField[] }>('GET', withQuery(`${SETTINGS}/types`, { type }), undefined, signal)).fields,
};
