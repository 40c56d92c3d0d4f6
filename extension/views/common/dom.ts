type Child = Node | string | undefined

export interface Attributes {
  readonly class?: string
  readonly [attribute: string]: string | number | boolean | undefined
}

/**
 * Makes an element. Text becomes text nodes, never HTML: what a guest or a TPM says cannot become a page.
 * `false` and `undefined` leave an attribute out, `true` makes it empty.
 */
export function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name)
  setAttributes(made, attributes)
  for (const child of children) if (child !== undefined) made.append(child)
  return made
}

const SVG = 'http://www.w3.org/2000/svg'

export function svgElement<K extends keyof SVGElementTagNameMap>(
  name: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[K] {
  const made = document.createElementNS(SVG, name)
  setAttributes(made, attributes)
  for (const child of children) if (child !== undefined) made.append(child)
  return made
}

function setAttributes(on: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes))
    if (value !== undefined && value !== false) on.setAttribute(name, value === true ? '' : String(value))
}
