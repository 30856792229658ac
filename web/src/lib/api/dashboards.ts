/** Dashboards and their panels. */

import { ask } from './asking';
import type { Bilingual, Severity } from './words';

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

export const dashboards = {
  dashboards: async (signal?: AbortSignal) => {
    const answer = await ask<{ dashboards: DashboardName[] }>('GET', '/api/v1/dashboards', undefined, signal);
    return answer.dashboards;
  },
  dashboard: (name: string, signal?: AbortSignal) =>
    ask<Dashboard>('GET', `/api/v1/dashboards/${encodeURIComponent(name)}`, undefined, signal),
};
