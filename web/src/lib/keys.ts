/** `/` finds, `j` and `k` walk the rows, Enter opens (a row's lead is a link, so the browser does that). */

import { place } from './place.svelte';
import { to } from './routes';

export function keys(): () => void {
  const press = (event: KeyboardEvent) => {
    if (event.defaultPrevented || event.metaKey || event.ctrlKey || event.altKey || isTyping(event.target)) return;
    if (event.key === '/') {
      event.preventDefault();
      find();
    } else if (event.key === 'j') walk(1);
    else if (event.key === 'k') walk(-1);
  };
  addEventListener('keydown', press);
  return () => removeEventListener('keydown', press);
}

/** Go to the view's own field; a view without one leads to the machines. */
export function find(): void {
  if (focusField()) return;
  place.go(to.machines);
  focusSoon(120);
}

// The field is there when the machines are; until then each frame looks again.
function focusSoon(frames: number): void {
  if (frames > 0 && !focusField()) requestAnimationFrame(() => focusSoon(frames - 1));
}

function focusField(): boolean {
  const field = document.querySelector<HTMLInputElement>('[data-find]');
  field?.focus();
  field?.select();
  return field !== null;
}

function walk(direction: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>('[data-row]')].filter((row) => row.offsetParent !== null);
  if (rows.length === 0) return;
  const here = rows.indexOf(document.activeElement as HTMLElement);
  const next = here < 0 ? (direction === 1 ? 0 : rows.length - 1) : here + direction;
  rows[Math.max(0, Math.min(rows.length - 1, next))]!.focus();
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}
