/** What a chart is told: its lines, and the limits they are held against. */

/** Three looks can be told apart by name; more lines than that are faint. Layers are heaped, each on the one before it. */
export type Look = 'ink' | 'blue' | 'grey' | 'faint' | 'area' | 'layer';

export interface Line {
  name: string;
  values: (number | null)[];
  look: Look;
  /** Which of the shades a layer has, counted from its name, so that it keeps it while others come and go. */
  shade?: number;
}

export interface Limit {
  value: number;
  severity: 'critical' | 'warning' | null;
  /** True when what is under the limit is wrong. */
  below?: boolean;
  /** Said at the right end; the value where it is left out. */
  name?: string;
}
