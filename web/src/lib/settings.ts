/** What people can set up on the page of who is told and when. */

export type SettingKind = 'receiver' | 'window' | 'rota' | 'escalation' | 'route';
export const SETTING_KINDS: readonly SettingKind[] = ['receiver', 'route', 'window', 'rota', 'escalation'];

/** What the form of a receiver's type asks, as the server says it. */
export interface TypeField {
  key: string;
  form: 'secret' | 'text' | 'number' | 'choice' | 'list' | 'yaml';
  options: string[];
  needed: boolean;
  default: string | number | boolean | null;
  description: string;
}
