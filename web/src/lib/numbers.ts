/** Numbers for people: a figure and its unit, apart, because the unit is set smaller. */

export type Unit =
  | 'ratio'
  | 'percent'
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
  | 'celsius'
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
    case 'percent':
      return { figure: percent(value / 100), unit: '%' };
    case 'celsius':
      return { figure: grouped(value, 1), unit: '°C' };
    case 'bytes':
      return scaled(value, 1024, BYTES);
    case 'file_bytes':
      return scaled(value, 1000, FILE_BYTES);
    case 'bytes_per_second':
      return scaled(value, 1000, BYTES_PER_SECOND);
    case 'bits_per_second':
      return scaled(value, 1000, BITS_PER_SECOND);
    case 'milliseconds':
      return value < 10_000
        ? { figure: grouped(value, 0), unit: 'ms' }
        : { figure: grouped(value / 1000, 1), unit: 's' };
    case 'seconds':
      return lasting(value);
    case 'cores':
    case 'load':
      return { figure: grouped(value, 2), unit: '' };
    case 'per_second':
      return { figure: grouped(value, value > 0 && value < 10 ? 1 : 0), unit: '/s' };
    default:
      return { figure: plain(value), unit: '' };
  }
}

/** Return a measured value with so many decimals; of null with as many as its unit usually has. */
export function amountWith(value: number | null | undefined, unit: Unit, decimals: number | null): Amount {
  const made = amount(value, unit);
  if (decimals === null || made === UNKNOWN) return made;
  return { figure: grouped(value! / sizeOf(value!, unit), decimals), unit: made.unit };
}

/** Return a threshold or an axis label: as short as it can be said exactly ("85", not "85.0"). */
export function round(value: number | null | undefined, unit: Unit): Amount {
  if (value === null || value === undefined || !Number.isFinite(value)) return UNKNOWN;
  if (unit === 'ratio') return { figure: plain(value * 100), unit: '%' };
  if (unit === 'percent') return { figure: plain(value), unit: '%' };
  if (unit === 'seconds') return { figure: plain(value / sizeOf(value, unit)), unit: lasting(value).unit };
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
  return unit === 'ratio' || unit === 'percent' ? figure : text({ figure, unit: word });
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

const BYTES = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
const FILE_BYTES = ['B', 'kB', 'MB', 'GB', 'TB'];
const BYTES_PER_SECOND = ['B/s', 'kB/s', 'MB/s', 'GB/s'];
const BITS_PER_SECOND = ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s'];

/** From so many seconds on a time is said in this unit. */
const LENGTHS = [
  [172_800, 86_400, 'd'],
  [7200, 3600, 'h'],
  [600, 60, 'min'],
] as const;

function lasting(value: number): Amount {
  const size = Math.abs(value);
  if (size > 0 && size < 0.1) return { figure: grouped(value * 1000, size < 0.01 ? 1 : 0), unit: 'ms' };
  const [, seconds, unit] = LENGTHS.find(([from]) => size >= from) ?? [0, 1, 's'];
  return { figure: grouped(value / seconds, size < 10 || seconds > 60 ? 1 : 0), unit };
}

/** Return what the value is divided by before it is said. */
function sizeOf(value: number, unit: Unit): number {
  const size = Math.abs(value);
  switch (unit) {
    case 'ratio':
      return 0.01;
    case 'seconds':
      return size > 0 && size < 0.1 ? 0.001 : (LENGTHS.find(([from]) => size >= from)?.[1] ?? 1);
    case 'milliseconds':
      return size < 10_000 ? 1 : 1000;
    case 'bytes':
      return 1024 ** powerOf(size, 1024, BYTES);
    case 'file_bytes':
      return 1000 ** powerOf(size, 1000, FILE_BYTES);
    case 'bytes_per_second':
      return 1000 ** powerOf(size, 1000, BYTES_PER_SECOND);
    case 'bits_per_second':
      return 1000 ** powerOf(size, 1000, BITS_PER_SECOND);
    default:
      return 1;
  }
}

function powerOf(size: number, base: number, units: readonly string[]): number {
  let power = 0;
  while (size / base ** power >= base * 0.9995 && power < units.length - 1) power += 1;
  return power;
}

function scaled(value: number, base: number, units: readonly string[]): Amount {
  const power = powerOf(Math.abs(value), base, units);
  const size = Math.abs(value) / base ** power;
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
