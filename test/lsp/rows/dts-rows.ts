/** Rules about an operand that are met in its device-tree source, at the property or node itself. */
import { writeDts } from '../../../server/esm/dts/operand.ts'
import { parseFdt } from '../../../server/esm/fdt.ts'
import { fixture } from '../../esm/fixtures.ts'
import { type Document, E, I, type Row, W } from './row.ts'

const source = (text: string): Document => ({ name: 'image.esm.dts', text })

/** The source of the operand that nothing is wrong with. */
export const SOURCE = writeDts(parseFdt(fixture('bad/base/blob.dtb')))

const dts = (
  rule: string,
  severity: Row['severity'],
  at: string,
  from: string | RegExp,
  to: string,
  fix?: Row['fix'],
): Row => {
  const text = SOURCE.replace(from, to)
  if (text === SOURCE) throw new Error(`not in the source: ${from}`)
  return { rule, severity, at, wrong: source(text), right: source(SOURCE), ...(fix && { fix }) }
}

export const dtsRows: readonly Row[] = [
  dts('ESM016', E, 'oops', 'compatible = "ibm,esm"', 'compatible = oops'),
  dts('ESM012', W, 'compatible', 'compatible = "ibm,esm";', 'compatible = "ibm,esm"; \ncompatible = "x";', 'text'),
  dts('ESM014', W, 'compatible = "ibm,svm"', '"ibm,esm"', '"ibm,svm"', 'text'),
  dts('ESM014', W, '/', 'compatible = "ibm,esm";', '', 'text'),
  dts('ESM016', E, '"', 'compatible = "ibm,esm";', 'compatible = "ibm,esm"', 'text'),
  dts('ESM015', W, 'color = "blue"', 'compatible =', 'color = "blue"; compatible ='),
  dts('ESM021', E, 'lockboxes', 'lockbox-1 {', 'lockbox-9 {'),
  dts('ESM043', I, 'digests-fdt', /(digests-fdt \{[^}]*\biv = \[[0-9a-f]{24})[0-9a-f]{8}/, '$1'),
]
