/** Marks and order of states: which shape says it, and what is worse than what. */

import type { Absence, Alert, AlertState, Container, Host, HostState, Tally } from './api';
import type { Texts } from '../texts/ko';
import { clock } from './times';

export type MarkName =
  'ok' | 'crit' | 'warn' | 'pend' | 'recov' | 'none' | 'err' | 'few' | 'run' | 'wait' | 'pause' | 'ack' | 'sil';

// What is away on purpose is no worse than what is well.
const BADNESS: Record<string, number> = {
  critical: 0,
  warning: 1,
  no_data: 2,
  pending: 3,
  running: 4,
  ok: 4,
  away: 4,
  gone: 5,
};

export function markOfHost(state: Container['state']): MarkName {
  const marks: Record<Container['state'], MarkName> = {
    ok: 'ok',
    running: 'ok',
    pending: 'pend',
    warning: 'warn',
    critical: 'crit',
    no_data: 'none',
    away: 'pause',
    gone: 'none',
  };
  return marks[state];
}

/** Return by whom and until when a machine is away: "kim: 18:00까지 자리 비움". */
export function awayUntil({ by, since, until }: Absence, texts: Texts, now: number): string {
  const at = (time: number) => clock(time, now, { seconds: false });
  return until === null ? texts.away.removed(by, at(since)) : texts.away.now(by, at(until));
}

/** An ended episode keeps the mark of what it was: its severity if it fired, else pending. */
export function markOfAlert(alert: Pick<Alert, 'state' | 'severity' | 'fired_at'>): MarkName {
  switch (alert.state) {
    case 'pending':
      return 'pend';
    case 'recovering':
      return 'recov';
    case 'no_data':
    case 'unknown':
      return 'none';
    case 'error':
      return 'err';
    case 'insufficient':
      return 'few';
    case 'resolved':
      return alert.fired_at === null ? 'pend' : markOfSeverity(alert.severity);
    case 'firing':
      return markOfSeverity(alert.severity);
  }
}

export function markOfSeverity(severity: string | null): MarkName {
  return severity === 'critical' ? 'crit' : severity === 'warning' ? 'warn' : 'ok';
}

/** Nobody knows how it stands: its data stopped, its evaluation failed, or nobody evaluates. */
export function isUnknown(state: AlertState): boolean {
  return state === 'no_data' || state === 'error' || state === 'insufficient' || state === 'unknown';
}

/** The class that colours the figure of an alert; a pending or ended one is not coloured. */
export function colourOfAlert(alert: Pick<Alert, 'state' | 'severity'>): string {
  if (isUnknown(alert.state)) return 'c-unk';
  if (alert.state !== 'firing') return '';
  return alert.severity === 'critical' ? 'c-crit' : alert.severity === 'warning' ? 'c-warn' : '';
}

/** Firing by severity first, then what we do not know, then what is not yet or no longer; the older first. */
export function worstFirst(alerts: readonly Alert[]): Alert[] {
  return [...alerts].sort((a, b) => rank(a) - rank(b) || a.since - b.since);
}

function rank({ state, severity }: Alert): number {
  if (state === 'firing') return severity === 'critical' ? 0 : severity === 'warning' ? 1 : 3;
  if (isUnknown(state)) return 2;
  return state === 'pending' ? 4 : state === 'recovering' ? 5 : 6;
}

export function openIn({ critical, warning, unknown, info, pending, recovering }: Tally): number {
  return critical + warning + unknown + info + pending + recovering;
}

/** The mark of the worst among them. */
export function markOfTally({ critical, warning, unknown, pending, recovering }: Tally): MarkName {
  if (critical) return 'crit';
  if (warning) return 'warn';
  if (unknown) return 'none';
  return pending ? 'pend' : recovering ? 'recov' : 'ok';
}

/** What an alert is about: its host, else its first label, else its rule; and what else its labels say. */
export function subject({ host, labels, rule }: Pick<Alert, 'host' | 'labels' | 'rule'>): {
  where: string;
  rest: string[];
} {
  const entries = Object.entries(labels).filter(([key]) => key !== 'rule' && key !== 'severity');
  const lead =
    host !== null
      ? entries.find(([key]) => key === 'host')
      : (entries.find(([key]) => key === 'pipeline') ?? entries[0]);
  const where = host ?? lead?.[1] ?? rule;
  return { where, rest: entries.filter((entry) => entry !== lead).map(([, value]) => value) };
}

export type Load = 'cpu' | 'memory' | 'filesystem';

export function loadOf(host: Host, load: Load): number | null {
  return host[`${load}_used_ratio`];
}

/** Five greys: a is light load, e is heavy. */
export function shade(ratio: number | null): 'a' | 'b' | 'c' | 'd' | 'e' {
  return (['a', 'b', 'c', 'd', 'e'] as const)[Math.max(0, Math.min(4, Math.floor((ratio ?? 0) * 5)))]!;
}

export function badness(state: Container['state']): number {
  return BADNESS[state] ?? 9;
}

const names = new Intl.Collator('en', { numeric: true });

/** web-2 before web-10. */
export function byName(a: Host, b: Host): number {
  return names.compare(a.host, b.host);
}

export function worstHostsFirst(hosts: readonly Host[], load: Load): Host[] {
  return [...hosts].sort(
    (a, b) => badness(a.state) - badness(b.state) || (loadOf(b, load) ?? -1) - (loadOf(a, load) ?? -1) || byName(a, b),
  );
}

export interface HostGroup {
  name: string;
  hosts: Host[];
}

/** Hosts that differ only by their number belong together: web-1, web-2. Groups with trouble come first. */
export function grouped(hosts: readonly Host[], load: Load): HostGroup[] {
  const groups = new Map<string, Host[]>();
  for (const host of worstHostsFirst(hosts, load)) {
    const name = host.host.split('.')[0]!.replace(/[-_]?\d+$/, '') || host.host;
    groups.set(name, [...(groups.get(name) ?? []), host]);
  }
  return [...groups]
    .map(([name, members]) => ({ name, hosts: members }))
    .sort((a, b) => badness(a.hosts[0]!.state) - badness(b.hosts[0]!.state) || b.hosts.length - a.hosts.length);
}

export function isWell(state: HostState): boolean {
  return state === 'ok';
}
