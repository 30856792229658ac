/** What a chart paints on its canvas besides the lines: the grid, the limits, and the colour that begins at them. */

import uPlot from 'uplot';
import { coloursOf } from './colours';
import type { Limit, Line } from './line';

export interface Palette extends Record<keyof typeof TOKENS, string> {
  /** Of layers: neighbours differ in lightness, so that their edge is seen without a line. */
  shades: string[];
}

const TOKENS = {
  ink: '--s1',
  blue: '--s2',
  grey: '--s3',
  hair: '--line',
  warning: '--warn-fill',
  critical: '--crit',
  ground: '--bg',
  faint: '--w4',
  area: '--band',
};
const SHADES = { a: '--w5', b: '--w2', c: '--w4', d: '--w1', e: '--s3', f: '--w3' };

export function paletteOf(element: HTMLElement): Palette {
  return { ...coloursOf(element, TOKENS), shades: Object.values(coloursOf(element, SHADES)) };
}

interface Drawn {
  lines: readonly Line[];
  palette: Palette;
  /** Filled with the lines' paths at each drawing, by their place among the series. */
  strokes: Path2D[];
  zoomable: boolean;
  times: () => [number, number];
  values: () => [number, number];
  isLone: (series: number, from: number, to: number) => boolean;
}

export function optionsOf({ lines, palette, strokes, zoomable, times, values, isLone }: Drawn): uPlot.Options {
  const linear = uPlot.paths.linear!();
  const paths: uPlot.Series.PathBuilder = (u, series, from, to) => {
    const path = linear(u, series, from, to);
    if (path?.stroke instanceof Path2D) strokes[series] = path.stroke;
    return path;
  };
  const points: uPlot.Series.Points = { show: (_, series, from, to) => isLone(series, from, to) };
  return {
    width: 0,
    height: 0,
    padding: [0, 0, 0, 0],
    legend: { show: false },
    axes: [{ show: false }, { show: false }],
    scales: { x: { time: false, range: times }, y: { range: values } },
    cursor: {
      y: false,
      drag: { x: zoomable, y: false, setScale: false },
      points: { show: lines.length <= 12, size: 5, width: 1.5 },
    },
    series: [{}, ...lines.map((line) => ({ ...lookOf(line, palette), paths, points }))],
  };
}

function lookOf({ look, shade = 0 }: Line, palette: Palette): uPlot.Series {
  switch (look) {
    case 'blue':
      return { stroke: palette.blue, width: 1.5 };
    case 'grey':
      return { stroke: palette.grey, width: 1.5, dash: [4, 2] };
    case 'faint':
      return { stroke: palette.faint, width: 1 };
    case 'area':
      return { stroke: palette.ink, width: 1.5, fill: palette.area };
    case 'layer':
      return { stroke: palette.ground, width: 1, fill: palette.shades[shade % palette.shades.length]! };
    default:
      return { stroke: palette.ink, width: 1.5 };
  }
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
