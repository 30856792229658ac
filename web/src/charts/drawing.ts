/** What a chart paints on its canvas besides the lines: the grid, the limits, and the colour that begins at them. */

import uPlot from 'uplot';
import type { Limit } from './line';

export interface Palette {
  ink: string;
  blue: string;
  grey: string;
  hair: string;
  warning: string;
  critical: string;
}

/** Return the theme's colours; a canvas cannot read `light-dark()`, so the browser is asked for the computed ones. */
export function paletteOf(element: HTMLElement): Palette {
  const probe = element.appendChild(document.createElement('i'));
  const computed = (name: string) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  const palette = {
    ink: computed('--s1'),
    blue: computed('--s2'),
    grey: computed('--s3'),
    hair: computed('--line'),
    warning: computed('--warn-fill'),
    critical: computed('--crit'),
  };
  probe.remove();
  return palette;
}

export function drawGrid(u: uPlot, ticks: readonly number[], palette: Palette): void {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.strokeStyle = palette.hair;
  ctx.lineWidth = uPlot.pxRatio;
  for (const tick of ticks) horizontal(ctx, bbox, u.valToPos(tick, 'y', true));
  ctx.restore();
}

export function drawLimits(u: uPlot, limits: readonly Limit[], strokes: readonly Path2D[], palette: Palette): void {
  const { ctx, bbox } = u;
  const edge = { above: bbox.top - 2, below: bbox.top + bbox.height + 2 };
  // The warning first, so that the critical stretch is painted over it.
  const ordered = [...limits].sort((a, b) => Number(a.severity === 'critical') - Number(b.severity === 'critical'));
  for (const { value, severity, below } of ordered) {
    const level = u.valToPos(value, 'y', true);
    if (severity) {
      ctx.save();
      ctx.beginPath();
      ctx.rect(bbox.left, below ? level : edge.above, bbox.width, below ? edge.below - level : level - edge.above);
      ctx.clip();
      ctx.strokeStyle = palette[severity];
      ctx.lineWidth = 2.2 * uPlot.pxRatio;
      ctx.lineJoin = 'round';
      for (const stroke of strokes) if (stroke) ctx.stroke(stroke);
      ctx.restore();
    }
    ctx.save();
    ctx.strokeStyle = severity ? palette[severity] : palette.grey;
    ctx.lineWidth = uPlot.pxRatio;
    ctx.setLineDash((severity ? [5, 3] : [1, 3]).map((length) => length * uPlot.pxRatio));
    horizontal(ctx, bbox, level);
    ctx.restore();
  }
}

/** Return the positions moved so that labels `least` high do not lie on each other. */
export function apart(positions: readonly number[], least: number): number[] {
  const order = positions.map((_, index) => index).sort((a, b) => positions[a]! - positions[b]!);
  const moved = [...positions];
  for (let n = 1; n < order.length; n += 1) {
    const [upper, lower] = [order[n - 1]!, order[n]!];
    const lack = least - (moved[lower]! - moved[upper]!);
    if (lack <= 0) continue;
    moved[upper] = moved[upper]! - lack / 2;
    moved[lower] = moved[lower]! + lack / 2;
  }
  return moved;
}

function horizontal(ctx: CanvasRenderingContext2D, bbox: uPlot.BBox, y: number): void {
  const crisp = Math.round(y) + (uPlot.pxRatio % 2) / 2;
  ctx.beginPath();
  ctx.moveTo(bbox.left, crisp);
  ctx.lineTo(bbox.left + bbox.width, crisp);
  ctx.stroke();
}
