/** Paints the cells of a heatmap. */

import { coloursOf } from '../../charts/colours';
import { levelOf, LEVELS, type Row } from '../../lib/heat';

export interface HeatColours {
  /** Nothing, then few to most. */
  levels: string[];
  unknown: string;
}

export function heatColours(canvas: HTMLCanvasElement): HeatColours {
  const tokens = Object.fromEntries(Array.from({ length: LEVELS + 1 }, (_, level) => [`h${level}`, `--h${level}`]));
  const { unknown, ...levels } = coloursOf(canvas.parentElement!, { ...tokens, unknown: '--unk' });
  return { levels: Object.values(levels), unknown };
}

interface Size {
  width: number;
  height: number;
}

export function paintHeat(
  canvas: HTMLCanvasElement,
  rows: readonly Row[],
  most: number,
  /** Stretches of steps that nobody counted. */
  gaps: readonly [number, number][],
  { width, height }: Size,
  { levels, unknown }: HeatColours,
): void {
  const ratio = devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const ctx = canvas.getContext('2d')!;
  const steps = rows[0]?.counts.length ?? 0;
  // Whole pixels, so that cells neither overlap nor leave seams.
  const x = (step: number) => Math.round((step / steps) * canvas.width);
  const y = (row: number) => Math.round((1 - row / rows.length) * canvas.height);
  const gap = canvas.width / steps > 4 * ratio ? Math.round(ratio) : 0;
  rows.forEach(({ counts }, row) => {
    const rowGap = canvas.height / rows.length > 4 * ratio ? Math.round(ratio) : 0;
    counts.forEach((count, step) => {
      if (count === null) return;
      ctx.fillStyle = levels[levelOf(count, most)]!;
      ctx.fillRect(x(step), y(row + 1), x(step + 1) - x(step) - gap, y(row) - y(row + 1) - rowGap);
    });
  });
  hatch(ctx, gaps, x, canvas.height, unknown, ratio);
}

function hatch(
  ctx: CanvasRenderingContext2D,
  stretches: readonly [number, number][],
  x: (step: number) => number,
  height: number,
  colour: string,
  ratio: number,
): void {
  for (const [from, to] of stretches) {
    ctx.save();
    ctx.beginPath();
    ctx.rect(x(from), 0, x(to) - x(from), height);
    ctx.clip();
    ctx.strokeStyle = colour;
    ctx.globalAlpha = 0.35;
    ctx.lineWidth = ratio;
    ctx.beginPath();
    for (let start = x(from) - height; start < x(to); start += 6 * ratio) {
      ctx.moveTo(start, height);
      ctx.lineTo(start + height, 0);
    }
    ctx.stroke();
    ctx.restore();
  }
}
