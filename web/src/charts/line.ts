/** What a chart is told: its lines, and the limits they are held against. */

export interface Line {
  name: string;
  values: (number | null)[];
  look: 'ink' | 'blue' | 'grey';
}

export interface Limit {
  value: number;
  severity: 'critical' | 'warning' | null;
  /** True when what is under the limit is wrong. */
  below?: boolean;
  /** Said at the right end; the value where it is left out. */
  name?: string;
}
