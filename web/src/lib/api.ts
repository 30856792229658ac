/** The server's HTTP contract in types, and one function a path. */

import { pointsOf, type InstantData } from './panels';
import type { SettingKind, TypeField } from './settings';

export type Role = 'viewer' | 'operator' | 'admin';
export type HostState = 'ok' | 'pending' | 'warning' | 'critical' | 'no_data' | 'away';
export type Severity = 'critical' | 'warning' | 'info';
export type AlertState =
  'pending' | 'firing' | 'recovering' | 'resolved' | 'no_data' | 'error' | 'insufficient' | 'unknown';
export type Outcome = 'succeeded' | 'failed' | 'cancelled';
export type AlertUnit = 'ratio' | 'bytes' | 'seconds' | 'count' | '';

export interface Bilingual {
  ko: string;
  en: string;
}

export interface Session {
  name: string;
  role: Role;
  version?: string;
}

export interface Host {
  host: string;
  state: HostState;
  last_seen: number | null;
  cpu_used_ratio: number | null;
  memory_used_ratio: number | null;
  filesystem_used_ratio: number | null;
  filesystem_fullest: string | null;
  load1: number | null;
  swap_used_ratio: number | null;
  network_receive_bytes_per_second: number | null;
  network_transmit_bytes_per_second: number | null;
  disk_read_bytes_per_second: number | null;
  disk_written_bytes_per_second: number | null;
  processes: number | null;
  boot_at: number | null;
  cpus: number | null;
  memory_bytes: number | null;
  containers: number;
  alerts: number;
  away: Absence | null;
}

/** Somebody's word that a machine is away on purpose; `until` is null where it was removed. */
export interface Absence {
  by: string;
  why: string;
  since: number;
  until: number | null;
}

export interface Container {
  host: string;
  name: string;
  image: string;
  id: string;
  state: HostState | 'running' | 'gone';
  last_seen: number | null;
  cpu_used_cores: number | null;
  cpu_limit_cores: number | null;
  memory_working_set_bytes: number | null;
  memory_limit_bytes: number | null;
  network_receive_bytes_per_second: number | null;
  network_transmit_bytes_per_second: number | null;
  started_at: number | null;
}

export interface Told {
  receiver: string;
  reason: string;
  state: 'waiting' | 'sent' | 'failed';
  tries: number;
  at: number | null;
  error: string;
}

export interface Alert {
  id: string;
  rule: string;
  labels: Record<string, string>;
  host: string | null;
  severity: Severity;
  state: AlertState;
  since: number;
  fired_at: number | null;
  ended_at: number | null;
  ended_because: string | null;
  value: number | null;
  peak: number | null;
  operator: string;
  threshold: number | null;
  unit: AlertUnit;
  summary: Bilingual;
  query: string;
  /** `rule`, or the door by which another program told it. */
  source: string;
  /** The condition in a sentence; empty where it is not known. */
  cause: Partial<Bilingual>;
  /** What keeps it from being told now. */
  muted: string[];
  was_muted: string;
  /** Where its threshold comes from, when that is not the rule itself. */
  threshold_from: string;
  acknowledged: Acknowledged | null;
  told: Told[];
}

/** How many open alerts have which standing; `acknowledged` and `muted` are among them. */
export interface Tally {
  critical: number;
  warning: number;
  unknown: number;
  info: number;
  pending: number;
  recovering: number;
  acknowledged: number;
  muted: number;
}

/** The open alerts of one rule in a line; `since` is when the oldest of the worst began. */
export interface OfRule {
  rule: string;
  tally: Tally;
  since: number;
}

/** Counts of all open alerts that a filter lets through, the worst rules, and one page of alerts. */
export interface Standing {
  total: number;
  /** By standing, whichever standing the filter asks for. */
  tally: Tally;
  rules: OfRule[];
  more_rules: number;
  alerts: Alert[];
  /** How many stand before these. */
  before: number;
  /** The cursor of the page after; empty at the end. */
  next: string;
}

/** The open alerts that matchers match. */
export interface Matched {
  open: number;
  rules: Record<string, number>;
  more_rules: number;
}

export interface Acknowledged {
  who: string;
  at: number;
  why: string;
  until: number | null;
}

export interface Silence {
  id: string;
  matchers: string;
  starts_at: number;
  ends_at: number;
  comment: string;
  created_by: string;
  created_at: number;
  updated_at: number;
  state: 'pending' | 'active' | 'expired';
}

export interface SilenceAsked {
  matchers: string;
  ends_at: string;
  comment: string;
}

export interface Between {
  from: number;
  to: number;
}

export interface Telling {
  receivers: { name: string; type: string }[];
  windows: { name: string; zone: string; match: string; holds: boolean; stretches: Between[] }[];
  duty: {
    name: string;
    zone: string;
    now: string | null;
    turns: (Between & { person: string; receiver: string })[];
  }[];
  escalations: { name: string; steps: { after: string; receiver: string | null; duty: string | null }[] }[];
  inhibit: { source: string; target: string; equal: string[] }[];
  from: number;
  to: number;
}

export interface Tested {
  key: string;
  state: 'sent' | 'failed' | 'waiting';
  tries: number;
  error: string;
}

/** A setting of who is told and when, as a list shows it. */
export interface ListedSetting {
  kind: SettingKind;
  name: string;
  /** The type of a receiver; empty for the others. */
  type: string;
  of_file: boolean;
  revision: number | null;
  changed_by: string | null;
  changed_at: number | null;
  /** Why it does not count; empty where it does. */
  aside: string;
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

/** `>= 0.85`; `from` says where it comes from, empty for the rule's own. */
export interface Condition {
  operator: string;
  number: number;
  from: string;
}

/** The thresholds of a rule, or those that count in one place. */
export interface Standard {
  warning: Condition | null;
  critical: Condition | null;
  clear: Condition | null;
}

export type Found = 'critical' | 'warning' | 'info' | 'between' | 'good' | 'error' | 'insufficient' | 'stale';

export interface Judged {
  name: string;
  unit: AlertUnit;
  /** False where the condition stands inside the query: no place can have a threshold of its own. */
  settable: boolean;
  own: Standard;
  enabled: boolean;
  /** Where it stands, `rules/disks.yaml:12`; null for a rule of the page. */
  file: string | null;
  looks_at: string;
  for_seconds: number;
  interval_seconds: number;
  /** `failed` is empty unless the evaluation could not be made. */
  last: { at: number; seconds: number; failed: string; counts: Partial<Record<Found, number>> } | null;
}

/** One label set of a rule, and why its last evaluation came to what it came to. */
export interface Why {
  labels: Record<string, string>;
  found: 'breach' | 'good' | 'between' | 'insufficient' | 'error' | 'stale' | 'missing' | 'failed';
  said: string;
  reason: Reason | null;
  value: number | null;
  thresholds: Partial<Record<Severity, string>>;
  clear: string;
  origins: Record<string, string>;
  samples: number | null;
  state: 'ok' | AlertState;
  severity: Severity | null;
  since: number | null;
  next_change: number | null;
  episode: string;
}

/** Series that a rule looks at; where they stopped, `last_at` is right within five minutes. */
export interface Input {
  selector: string;
  state: 'reports' | 'stopped' | 'never seen';
  last_at: number | null;
}

export interface JudgedWhy extends Judged {
  results: Why[];
  /** Where there are no results: whether what it looks at stopped or was never seen. */
  inputs: Input[];
  more: number;
}

export interface Mistake {
  key: string;
  /** From 1; 0 where it is about the whole text. */
  line: number;
  message: string;
  /** What the message says, for saying it in another language. */
  reason?: Reason | null;
}

/** A rule's text, its values, and what is wrong with it. */
export interface CheckedRule {
  text: string;
  values: Readonly<Record<string, unknown>>;
  mistakes: Mistake[];
  looks_at: string;
}

/** A rule as it was written: `file` and `line` of a file's, `revision` of the page's. */
export interface WrittenRule extends Pick<CheckedRule, 'text' | 'values'> {
  name: string;
  file: string | null;
  line: number;
  enabled: boolean;
  off_in_file: boolean;
  revision: number | null;
  changed_by: string | null;
  changed_at: number | null;
  /** Why it is not judged; empty when it is. */
  aside: string;
}

/** The same without its text, in a list. */
export type Written = Omit<WrittenRule, 'text' | 'values'>;

/** What a rule would have done; of its firings the latest 200. */
export interface Previewed extends Pick<Judged, 'name' | 'unit' | 'own'> {
  from: number;
  to: number;
  step_seconds: number;
  looks_at: string;
  count: number;
  /** Of how many somebody would have been told, and of how many nobody, because something muted them. */
  told: number;
  muted: number;
  failed: string;
  firings: {
    labels: Record<string, string>;
    severity: Severity;
    began: number;
    ended: number | null;
    peak: number | null;
    told: string[];
    muted_by: Pick<Muted, 'what' | 'name' | 'who' | 'why'>[];
  }[];
}

export interface Override extends Standard {
  rule: string;
  scope: 'group' | 'host' | 'container';
  name: string;
  changed_by: string;
  changed_at: number;
  /** False where a file says it: only the file takes it back. */
  kept: boolean;
  /** Why it does nothing any longer; empty when all is well. */
  wrong: string;
}

export interface OverrideAsked {
  rule: string;
  scope: Override['scope'];
  name: string;
  warning: string | null;
  critical: string | null;
  clear: string | null;
}

/** A rule with the thresholds that count on one host. */
export interface RuleOnHost extends Pick<Judged, 'name' | 'unit' | 'settable' | 'own'> {
  effective: Standard;
}

export interface OnHost {
  rules: RuleOnHost[];
  overrides: Override[];
}

export interface SetApart {
  groups: { name: string; hosts: string[] }[];
  overrides: Override[];
}

/** Why something is as it is: a code, and its numbers, texts and other reasons. Times are in seconds. */
export interface Reason {
  code: string;
  values: Record<string, number | string | null | Reason>;
}

export interface Transition {
  at: number;
  kind: 'transition';
  before: string;
  after: string;
  severity: Severity | null;
  value: number | null;
  because: string;
  /** What `because` says, for saying it in another language; null where it is what people wrote. */
  reason: Reason | null;
}

export interface Attempt {
  at: number;
  kind: 'attempt';
  receiver: string;
  reason: string;
  outcome: 'sent' | 'later' | 'failed';
  status: number | null;
  latency_ms: number | null;
  error: string;
}

export interface AlertStory extends Alert {
  annotations: Record<string, string>;
  story: (Transition | Attempt)[];
  for_seconds: number;
  deeds: Deed[];
  /** Oldest first. */
  mutings: Muted[];
}

/** How many alerts began to fire in an hour that began then. */
export interface AlertHour {
  at: number;
  fired: number;
}

/** A stretch in which nobody was told of an alert, or, with `receiver`, that one was not. */
export interface Muted {
  what: 'silenced' | 'maintenance' | 'inhibited' | 'mute window' | 'flapping';
  /** The silence, the window, or the alert that speaks for it. */
  name: string;
  who: string;
  why: string;
  receiver: string;
  from: number;
  /** Null while it lasts. */
  to: number | null;
  /** When it was meant to end. */
  until: number | null;
}

/** What was done about an alert without asking anybody. */
export interface Deed {
  id: number;
  action: string;
  target: string;
  because: string;
  dry: boolean;
  state: 'waiting' | 'running' | 'done' | 'failed' | 'dry';
  result: string;
  decided_at: number;
  ended_at: number | null;
}

export interface Fetch {
  id: string;
  at: number;
  pipeline: string;
  source: string;
  url: string;
  outcome: Outcome;
  status: number | null;
  bytes: number | null;
  rows: number | null;
  latency_ms: number | null;
  attempt: number;
  trigger: string;
  error: string;
}

export interface RecentFetch {
  at: number;
  outcome: Outcome;
  latency_ms: number | null;
}

export interface Paused {
  by: string;
  why: string;
  since: number;
  /** Null: until somebody has it go on. */
  until: number | null;
}

export interface Pipeline {
  name: string;
  title: Bilingual;
  on: boolean;
  off_because: Bilingual | null;
  paused: Paused | null;
  schedule: string;
  next_at: number | null;
  url: string;
  running: boolean;
  last: Fetch | null;
  fail_rate: { failed: number; total: number; window_seconds: number };
  latency_p95_ms: number | null;
  recent: RecentFetch[];
}

/** What is away on purpose: nothing is raised about it meanwhile. */
export interface Departure {
  id: string;
  scope: 'host' | 'group' | 'container';
  name: string;
  starts_at: number;
  ends_at: number;
  /** It does not come back. */
  removed: boolean;
  /** Whether it is away now, and not only later. */
  holds: boolean;
  by: string;
  why: string;
}

/** A size to stay at, or the direction in which nothing is scaled meanwhile. */
export interface Hold {
  id: number;
  size: number | null;
  stop: 'in' | 'out' | null;
  starts_at: number;
  ends_at: number;
  by: string;
  why: string;
}

export interface Scaler {
  scaler: string;
  hold: Hold | null;
  planned: Hold[];
}

export interface Overview {
  at: number;
  started_at: number;
  numbers: {
    samples_per_second: number | null;
    active_series: number | null;
    hosts: number;
    containers: number;
    firing: number;
    pending: number;
    fetches_per_minute: number | null;
    newest_sample_at: number | null;
  };
  hosts: Host[];
  containers: Container[];
  tally: Tally;
  rules: OfRule[];
  more_rules: number;
  /** They stand for all: the worst few of each of `rules`, and those about pipelines. */
  alerts: Alert[];
  pipelines: Pipeline[];
}

export interface Threshold {
  rule: string;
  metric_of: 'cpu' | 'memory' | 'filesystem' | 'other';
  warning: number | null;
  critical: number | null;
  operator: string;
}

export interface Filesystem {
  mountpoint: string;
  device: string;
  fstype: string;
  size_bytes: number | null;
  available_bytes: number | null;
  used_ratio: number | null;
}

export interface NetworkDevice {
  device: string;
  receive_bytes_per_second: number | null;
  transmit_bytes_per_second: number | null;
}

export interface DiskDevice {
  device: string;
  read_bytes_per_second: number | null;
  written_bytes_per_second: number | null;
}

export interface HostDetail extends Host {
  filesystems: Filesystem[];
  networks: NetworkDevice[];
  disks: DiskDevice[];
  containers_list: Container[];
  alerts_list: Alert[];
  thresholds: Threshold[];
}

export interface CollectAnswer {
  outcome: Outcome;
  at: number;
  rows: number | null;
  latency_ms: number | null;
  status: number | null;
  error: string;
  run: string;
}

export interface Series {
  metric: Record<string, string>;
  values: [number, string][];
}

export type PanelKind = 'line' | 'area' | 'stat' | 'gauge' | 'donut' | 'bar' | 'table' | 'heatmap' | 'status';
export type PanelUnit =
  | 'none'
  | 'ratio'
  | 'percent'
  | 'bytes'
  | 'bytes_per_second'
  | 'seconds'
  | 'milliseconds'
  | 'count'
  | 'per_second'
  | 'cores'
  | 'celsius';

export interface Variable {
  name: string;
  title: Bilingual;
  /** Its values are those of `label` in the series of `metric{matchers}`; without a metric, `options`. */
  metric: string;
  label: string;
  matchers: string;
  options: string[];
  multiple: boolean;
  all: boolean;
  default: string;
}

export interface PanelQuery {
  expr: string;
  legend: string;
  instant: boolean;
}

export interface Mapping {
  value: number;
  text: Bilingual;
  severity: 'ok' | 'warning' | 'critical' | 'unknown';
}

export interface Panel {
  title: Bilingual;
  description: Bilingual;
  kind: PanelKind;
  width: number;
  height: number;
  unit: PanelUnit;
  decimals: number | null;
  min: number | null;
  max: number | null;
  stacked: boolean;
  queries: PanelQuery[];
  thresholds: { at: number; severity: Severity }[];
  /** True when it is bad to be above a threshold; else below. */
  above: boolean;
  mappings: Mapping[];
  columns: { label: string; title: Bilingual }[];
  sort: 'value' | '-value' | 'label' | '';
  limit: number;
}

export interface DashboardName {
  name: string;
  title: Bilingual;
  tags: string[];
  from: 'ready' | 'folder';
}

export interface Dashboard {
  name: string;
  title: Bilingual;
  description: Bilingual;
  span_seconds: number;
  refresh_seconds: number;
  variables: Variable[];
  panels: Panel[];
}

/** The server (or the network on the way to it) did not do what was asked. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly what: string,
    readonly where = '',
    readonly todo = '',
    readonly retryAfterSeconds: number | null = null,
    /** What `what` says, for saying it in another language; null where nobody has worded it. */
    readonly reason: Reason | null = null,
  ) {
    super(what);
  }
}

type Query = Record<string, string | number | null | undefined>;

const SETTINGS = '/api/v1/page-settings';

let signedOut: () => void = () => {};

/** `listener` is called whenever the server says that there is no session (any longer). */
export function onSignedOut(listener: () => void): void {
  signedOut = listener;
}

export const api = {
  session: () => ask<Session>('GET', '/api/session'),
  signIn: (name: string, password: string) => ask<Session>('POST', '/api/session', { name, password }),
  signOut: () => ask<void>('DELETE', '/api/session'),
  firstUser: (token: string, name: string, password: string) =>
    ask<Session>('POST', '/api/first-user', { token, name, password }),

  overview: (signal?: AbortSignal) => ask<Overview>('GET', '/api/v1/overview', undefined, signal),
  host: (name: string, signal?: AbortSignal) =>
    ask<HostDetail>('GET', `/api/v1/hosts/${encodeURIComponent(name)}`, undefined, signal),
  episodes: (query: Query, signal?: AbortSignal) =>
    ask<{ episodes: Alert[]; next: string }>('GET', withQuery('/api/v1/episodes', query), undefined, signal),
  episode: (id: string, signal?: AbortSignal) =>
    ask<AlertStory>('GET', `/api/v1/episodes/${encodeURIComponent(id)}`, undefined, signal),
  acknowledge: (episodes: readonly string[], why: string) =>
    ask<{ acknowledged: string[] }>('POST', '/api/v1/acknowledgements', { episodes, why }),
  acknowledgeMatching: (matchers: string, why: string) =>
    ask<{ count: number }>('POST', '/api/v1/acknowledgements', { matchers, why }),
  standing: (query: string, signal?: AbortSignal) =>
    ask<Standing>('GET', `/api/v1/standing?${query}`, undefined, signal),
  matched: (matchers: string, signal?: AbortSignal) =>
    ask<Matched>('GET', withQuery('/api/v1/standing/matched', { matchers }), undefined, signal),
  giveBack: (episode: string) => ask<void>('DELETE', `/api/v1/acknowledgements/${encodeURIComponent(episode)}`),
  silences: async (query: Query, signal?: AbortSignal) => {
    const answer = await ask<{ silences: Silence[] }>('GET', withQuery('/api/v1/silences', query), undefined, signal);
    return answer.silences;
  },
  silence: (asked: SilenceAsked) => ask<Silence>('POST', '/api/v1/silences', asked),
  endSilence: (id: string) => ask<Silence>('DELETE', `/api/v1/silences/${encodeURIComponent(id)}`),
  alertHours: async (query: Query, signal?: AbortSignal) =>
    (await ask<{ by_hour: AlertHour[] }>('GET', withQuery('/api/v1/statistics/alerts', query), undefined, signal))
      .by_hour,
  exceedancesUrl: (query: Query) => withQuery('/api/v1/exceedances', query),
  telling: (signal?: AbortSignal) => ask<Telling>('GET', '/api/v1/telling', undefined, signal),
  testReceiver: (name: string) => ask<Tested>('POST', `/api/v1/receivers/${encodeURIComponent(name)}/test`),
  pageSettings: async (signal?: AbortSignal) =>
    (await ask<{ settings: ListedSetting[] }>('GET', SETTINGS, undefined, signal)).settings,
  pageSetting: (kind: SettingKind, name: string, signal?: AbortSignal) =>
    ask<PageSetting>('GET', withQuery(SETTINGS, { kind, name }), undefined, signal),
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
  judging: async (signal?: AbortSignal) =>
    (await ask<{ rules: Judged[] }>('GET', '/api/v1/judging', undefined, signal)).rules,
  judgingOf: (rule: string, signal?: AbortSignal) =>
    ask<JudgedWhy>('GET', withQuery('/api/v1/judging', { rule }), undefined, signal),
  writtenRules: async (signal?: AbortSignal) =>
    (await ask<{ rules: Written[] }>('GET', '/api/v1/written-rules', undefined, signal)).rules,
  writtenRule: (rule: string, ofPage: boolean, signal?: AbortSignal) =>
    ask<WrittenRule>('GET', withQuery('/api/v1/written-rules', { rule, of_page: String(ofPage) }), undefined, signal),
  checkRule: (asked: { text: string } | { values: Readonly<Record<string, unknown>> }, signal?: AbortSignal) =>
    ask<CheckedRule>('POST', '/api/v1/written-rules/check', asked, signal),
  previewRule: (text: string, last: '24h' | '7d', signal?: AbortSignal) =>
    ask<Previewed>('POST', '/api/v1/written-rules/preview', { text, last }, signal),
  saveRule: (asked: { text: string; enabled: boolean; revision: number | null; rule: string | null }) =>
    ask<WrittenRule>('PUT', '/api/v1/written-rules', asked),
  switchRule: (rule: string, enabled: boolean, revision: number | null) =>
    ask<WrittenRule>('PUT', '/api/v1/written-rules/enabled', { rule, enabled, revision }),
  exportUrl: (rule: string | null = null) => withQuery('/api/v1/written-rules/export', { rule }),
  dropRule: (rule: string, revision: number) =>
    ask<void>('DELETE', withQuery('/api/v1/written-rules', { rule, revision })),
  thresholds: (signal?: AbortSignal) => ask<SetApart>('GET', '/api/v1/thresholds', undefined, signal),
  thresholdsOf: (query: Query, signal?: AbortSignal) =>
    ask<Standard>('GET', withQuery('/api/v1/thresholds/effective', query), undefined, signal),
  thresholdsOn: (host: string, signal?: AbortSignal) =>
    ask<OnHost>('GET', `/api/v1/thresholds/hosts/${encodeURIComponent(host)}`, undefined, signal),
  setApart: (asked: OverrideAsked) => ask<void>('PUT', '/api/v1/thresholds', asked),
  dropApart: ({ rule, scope, name }: Pick<Override, 'rule' | 'scope' | 'name'>) =>
    ask<void>('DELETE', withQuery('/api/v1/thresholds', { rule, scope, name })),
  fetches: (query: Query, signal?: AbortSignal) =>
    ask<{ fetches: Fetch[]; next: string }>('GET', withQuery('/api/v1/fetches', query), undefined, signal),
  pipelines: (signal?: AbortSignal) => ask<{ pipelines: Pipeline[] }>('GET', '/api/v1/pipelines', undefined, signal),
  collect: (pipeline: string, anyway = false) =>
    ask<CollectAnswer>('POST', withQuery('/collect', { pipeline, anyway: anyway ? 'true' : null })),
  pause: (pipeline: string, why: string, until: string | null) =>
    ask<void>('PUT', `/api/v1/pipelines/${encodeURIComponent(pipeline)}/pause`, { why, until }),
  resume: (pipeline: string) => ask<void>('DELETE', `/api/v1/pipelines/${encodeURIComponent(pipeline)}/pause`),
  departures: async (host: string, signal?: AbortSignal) =>
    (await ask<{ departures: Departure[] }>('GET', withQuery('/api/v1/departures', { host }), undefined, signal))
      .departures,
  /** Without an end, it was removed. */
  depart: (name: string, why: string, until: string | null) =>
    ask<Departure>('POST', '/api/v1/departures', {
      name,
      why,
      ...(until === null ? { removed: true } : { ends_at: until }),
    }),
  comeBack: (id: string) => ask<void>('DELETE', `/api/v1/departures/${id}`),
  scalers: async (signal?: AbortSignal) =>
    (await ask<{ scalers: Scaler[] }>('GET', '/api/v1/scaling', undefined, signal)).scalers,
  release: (scaler: string, id: number) => ask<void>('DELETE', withQuery(`/api/v1/scaling/${scaler}/hold`, { id })),

  queryRange: async (query: string, start: number, end: number, step: number, signal?: AbortSignal) => {
    const path = withQuery('/api/v1/query_range', { query, start, end, step });
    const answer = await ask<{ data: { result: Series[] } }>('GET', path, undefined, signal);
    return answer.data.result;
  },

  query: async (query: string, time: number, signal?: AbortSignal) => {
    const answer = await ask<{ data: InstantData }>(
      'GET',
      withQuery('/api/v1/query', { query, time }),
      undefined,
      signal,
    );
    return pointsOf(answer.data);
  },

  labelValues: async (label: string, match: string, start: number | null, end: number | null, signal?: AbortSignal) => {
    const path = `/api/v1/label/${encodeURIComponent(label)}/values`;
    const answer = await ask<{ data: string[] }>(
      'GET',
      withQuery(path, { 'match[]': match, start, end }),
      undefined,
      signal,
    );
    return answer.data;
  },

  dashboards: async (signal?: AbortSignal) => {
    const answer = await ask<{ dashboards: DashboardName[] }>('GET', '/api/v1/dashboards', undefined, signal);
    return answer.dashboards;
  },
  dashboard: (name: string, signal?: AbortSignal) =>
    ask<Dashboard>('GET', `/api/v1/dashboards/${encodeURIComponent(name)}`, undefined, signal),

  streamUrl: (topics: readonly string[]) => withQuery('/api/v1/stream', { topics: topics.join(',') }),
};

function withQuery(path: string, query: Query): string {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== '');
  if (given.length === 0) return path;
  return `${path}?${new URLSearchParams(given.map(([key, value]) => [key, String(value)]))}`;
}

async function ask<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const init: RequestInit = { method, credentials: 'same-origin', headers: { Accept: 'application/json' } };
  if (signal) init.signal = signal;
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { ...init.headers, 'Content-Type': 'application/json' };
  }
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Refusal(0, '', path);
  }
  if (response.ok) return (response.status === 204 ? undefined : await response.json()) as T;
  if (response.status === 401 && !(method === 'POST' && path === '/api/session')) signedOut();
  throw await refusalOf(response, path);
}

async function refusalOf(response: Response, path: string): Promise<Refusal> {
  const wait = response.headers.get('Retry-After');
  const seconds = wait && /^\d+$/.test(wait) ? Number(wait) : null;
  const { what, where, todo, reason } = said(await response.json().catch(() => null));
  return new Refusal(
    response.status,
    what || `HTTP ${response.status}`,
    where || path.replace(/\?.*/s, ''),
    todo,
    seconds,
    reason,
  );
}

/** Our own form of an error is an object; Prometheus's, and that of `/collect`, is a sentence. */
function said(body: unknown): { what: string; where: string; todo: string; reason: Reason | null } {
  const error = (body as { error?: unknown } | null)?.error;
  if (typeof error === 'string') return { what: error, where: '', todo: '', reason: null };
  const parts = (error ?? {}) as Partial<Record<'what' | 'where' | 'todo', string> & { reason: Reason }>;
  return { what: parts.what ?? '', where: parts.where ?? '', todo: parts.todo ?? '', reason: parts.reason ?? null };
}
