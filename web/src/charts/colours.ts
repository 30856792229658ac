/** Return the colours of tokens in the theme; a canvas cannot read `light-dark()`, so the browser is asked for the computed ones. */
export function coloursOf<Name extends string>(
  beside: HTMLElement,
  tokens: Record<Name, string>,
): Record<Name, string> {
  const probe = beside.appendChild(document.createElement('i'));
  const computed = Object.entries<string>(tokens).map(([name, token]) => {
    probe.style.color = `var(${token})`;
    return [name, getComputedStyle(probe).color];
  });
  probe.remove();
  return Object.fromEntries(computed) as Record<Name, string>;
}
