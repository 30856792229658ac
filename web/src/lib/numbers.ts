/** Numbers for people: a figure and its unit, apart, because the unit is set smaller. */

export type Unit =
  | 'ratio'
  | 'bytes'
  | 'file_bytes'
  | 'bytes_per_second'
  | 'bits_per_second'
  | 'seconds'
  | 'milliseconds'
  | 'cores'
  | 'load'
  | 'count'
  | 'per_second'
  | '';

export interface Amount {
  figure: string;
  unit: string;
}

export const UNKNOWN: Amount = { figure: '–', unit: '' };

/** Return a measured value: one decimal for ratios, none for milliseconds, unknown as a dash and never as 0. */
export function amount(value: number | null | undefined, unit: Unit): Amount {
  if (value === null || value === undefined || !Number.isFinite(value)) return UNKNOWN;
  switch (unit) {
    case 'ratio':
      return { figure: percent(value), unit: '%' };
    case 'bytes':
      return scaled(value, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']);
    case 'file_bytes':
      return scaled(value, 1000, ['B', 'kB', 'MB', 'GB', 'TB']);
    case 'bytes_per_second':
      return scaled(value, 1000, ['B/s', 'kB/s', 'MB/s', 'GB/s']);
    case 'bits_per_second':
      return scaled(value, 1000, ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s']);
    case 'milliseconds':
      return value < 10_000
        ? { figure: grouped(value, 0), unit: 'ms' }
        : { figure: grouped(value / 1000, 1), unit: 's' };
    case 'seconds':
      return { figure: grouped(value, value < 10 ? 1 : 0), unit: 's' };
    case 'cores':
    case 'load':
      return { figure: grouped(value, 2), unit: '' };
    case 'per_second':
      return { figure: grouped(value, value > 0 && value < 10 ? 1 : 0), unit: '/s' };
    default:
      return { figure: plain(value), unit: '' };
  }
}

/** Return a threshold or an axis label: as short as it can be said exactly ("85", not "85.0"). */
export function round(value: number | null | undefined, unit: Unit): Amount {
  if (value === null || value === undefined || !Number.isFinite(value)) return UNKNOWN;
  if (unit === 'ratio') return { figure: plain(value * 100), unit: '%' };
  const { figure, unit: word } = amount(value, unit);
  return { figure: figure.includes('.') ? figure.replace(/\.?0+$/, '') : figure, unit: word };
}

/** Return the amount as one string, with a thin space before the unit. */
export function text({ figure, unit }: Amount): string {
  return unit ? `${figure}\u2009${unit}` : figure;
}

export function grouped(value: number, decimals: number): string {
  return formatter(decimals, decimals).format(value);
}

/** Return an axis label: without the unit, which the legend says, but with its prefix ("500 M", "512 Mi"). */
export function axis(value: number, unit: Unit): string {
  if (value === 0) return '0';
  const { figure, unit: word } = round(value, unit);
  if (unit === 'bytes_per_second' || unit === 'bits_per_second')
    return `${figure} ${word.replace(/(B|bit)\/s$/, '')}`.trim();
  if (unit === 'bytes') return `${figure} ${word.replace(/B$/, '')}`.trim();
  return unit === 'ratio' ? figure : text({ figure, unit: word });
}

/** Return the lowest round number at or above `value`: 1, 2, 2.5 or 5 times a power of ten; for bytes a power of two. */
export function roundUp(value: number, unit: Unit): number {
  if (value <= 0) return 1;
  if (unit === 'bytes') return 2 ** Math.ceil(Math.log2(value) - 1e-9);
  const scale = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 2.5, 5, 10].find((factor) => value <= factor * scale * (1 + 1e-9)) ?? 10;
  return step * scale;
}

function percent(ratio: number): string {
  const shown = grouped(ratio * 100, 1);
  return shown === '100.0' || shown === '0.0' ? shown.slice(0, -2) : shown;
}

function scaled(value: number, base: number, units: readonly string[]): Amount {
  let size = Math.abs(value);
  let power = 0;
  while (size >= base * 0.9995 && power < units.length - 1) {
    size /= base;
    power += 1;
  }
  const figure = power > 0 && size < 9.95 ? grouped(size, 1) : grouped(size, 0);
  return { figure: value < 0 ? `-${figure}` : figure, unit: units[power] ?? '' };
}

function plain(value: number): string {
  const size = Math.abs(value);
  const decimals = size >= 100 ? 0 : size >= 1 ? 2 : 4;
  return formatter(0, decimals).format(value);
}

// Making a formatter costs more than a thousand uses of it.
const formatters = new Map<string, Intl.NumberFormat>();

function formatter(least: number, most: number): Intl.NumberFormat {
  const key = `${least}-${most}`;
  let found = formatters.get(key);
  if (!found) {
    found = new Intl.NumberFormat('en-US', { minimumFractionDigits: least, maximumFractionDigits: most });
    formatters.set(key, found);
  }
  return found;
}
