import { ruleOf, type Severity } from './rules.ts'

/** One thing that is wrong, or worth knowing, and where. */
export interface Finding {
  /** Id of a rule, rules.ts. */
  readonly rule: string
  readonly severity: Severity
  /** One sentence that names what was expected and what was found. */
  readonly message: string
  readonly expected: string
  readonly found?: string
  /** In bytes from the start of the operand, image or text that was inspected. */
  readonly offset?: number
  /** In bytes. */
  readonly length?: number
  /** Of the node or property in the device tree, e.g. `/lockboxes/lockbox-1/encrypted-symkey`. */
  readonly path?: string
  /** Which part of an image `offset` is in, where there are several. */
  readonly part?: ImagePart
}

/** An operand may be a file of its own, or lie in an initrd or a zImage. */
export type ImagePart = 'operand' | 'initrd' | 'zImage' | 'kernel' | 'bootargs'

export interface FindingDetails {
  readonly found?: string
  /** Default: what the rule expects. */
  readonly expected?: string
  /** Default: the rule's. */
  readonly severity?: Severity
  readonly offset?: number
  readonly length?: number
  readonly path?: string
}

/** Makes a finding of a rule. @throws RangeError for an unknown id */
export function finding(id: string, details: FindingDetails = {}): Finding {
  const rule = ruleOf(id)
  const { severity = rule.severity, expected = rule.expected, found } = details
  const message = `${rule.condition}: expected ${expected}${found === undefined ? '' : `, found ${found}`}`
  return { ...details, rule: id, severity, message, expected }
}

/** The finding where what was inspected begins at an offset in something larger. */
export function shifted(found: Finding, offset: number): Finding {
  return found.offset === undefined || offset === 0 ? found : { ...found, offset: found.offset + offset }
}

/** Whether UV_ESM, strict, refuses because of it. */
export function isFatal(found: Finding): boolean {
  return (found.severity === 'E' || found.severity === 'X') && ruleOf(found.rule).stage === 'esm'
}

const order: readonly Severity[] = ['X', 'E', 'W', 'I', 'H']

/** The most severe first, else in the order of their rules. */
export function bySeverity(findings: readonly Finding[]): Finding[] {
  const rank = (f: Finding) => order.indexOf(f.severity)
  return [...findings].sort((a, b) => rank(a) - rank(b) || (a.rule < b.rule ? -1 : a.rule > b.rule ? 1 : 0))
}
