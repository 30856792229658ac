/** Machines and their containers, and what of them is away on purpose. */

import type { Alert, OfRule, Tally } from './alerts';
import { ask, withQuery } from './asking';
import type { Pipeline } from './collection';
import type { HostState } from './words';

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

export const machines = {
  overview: (signal?: AbortSignal) => ask<Overview>('GET', '/api/v1/overview', undefined, signal),
  host: (name: string, signal?: AbortSignal) =>
    ask<HostDetail>('GET', `/api/v1/hosts/${encodeURIComponent(name)}`, undefined, signal),
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
};
