import type { Terminal } from '../terminal.ts'
import { check } from './esm/check.ts'
import { compile } from './esm/compile.ts'
import { diff } from './esm/diff.ts'
import { editingVerbs } from './esm/editing.ts'
import { explain } from './esm/explain.ts'
import { family } from './esm/family.ts'
import { generate } from './esm/generate.ts'
import { make } from './esm/make.ts'

const verbs = { make, generate, ...editingVerbs, check, diff, explain, compile }
const esmFamily = family('esm', 'makes, changes and checks ESM operands', verbs)

export const esmHelp: string = esmFamily.help
export const esm = (args: readonly string[], terminal: Terminal): Promise<number> => esmFamily.run(args, terminal)
