// Finds everything in debug-adapter/machine/ultravisor that can say no, or that wipes something, and how it would be without it.
import { readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { SyntaxKind } from 'typescript/unstable/ast'
import { API } from 'typescript/unstable/sync'

/**
 * One removal.
 * @typedef {object} Site
 * @property {string} key names it wherever it stands in its file: file, function, text
 * @property {string} path absolute
 * @property {number} line from 1
 * @property {'never' | 'always' | 'skipped'} kind `never`: a condition, or one alternative of it, that is never met. `always`: a
 *   conjunct of what has to hold that always does. `skipped`: a call that wipes, forgets or judges and is left out.
 * @property {number} start offsets of the text that is replaced
 * @property {number} end
 */

/** Calls for their effect alone, which is that something is gone, is refused, or must not be used any more. */
const EFFECTS = new Set([
  ...['judge', 'mustSucceed', 'eraseReserved', 'restorePseudoShared', 'clearUnrequested', 'destroySvm', 'dropSlot'],
  ...['clear', 'fill', 'forget', 'release', 'free', 'unmap', 'flushTranslations', 'delete', 'revert', 'note'],
])

/** Files that check nothing: what is shown of a crossing, and the names of the quirks. */
const WITHOUT_CHECKS = new Set(['reflection-record.ts', 'quirks.ts'])

const root = resolve(import.meta.dirname, '../../..')
const folder = resolve(root, 'debug-adapter/machine/ultravisor')

/** The operands of a chain of one operator, parentheses looked through. */
function operands(node, operator) {
  if (node.kind === SyntaxKind.ParenthesizedExpression) return operands(node.expression, operator)
  if (node.kind === SyntaxKind.BinaryExpression && node.operatorToken.kind === operator)
    return [...operands(node.left, operator), ...operands(node.right, operator)]
  return [node]
}

/** The name that a called thing goes by: `clear` of `uv.clear(...)` and of `yield* clear(...)`. */
function calledName(expression) {
  let node = expression
  while (node.kind === SyntaxKind.YieldExpression || node.kind === SyntaxKind.AwaitExpression) node = node.expression
  if (node?.kind !== SyntaxKind.CallExpression) return undefined
  const callee = node.expression
  return callee.name?.text ?? callee.text
}

/** @returns {Site[]} in the order of files and lines */
export function mutationSites() {
  const api = new API({ cwd: root })
  try {
    const project = api.updateSnapshot({ openProject: resolve(root, 'tsconfig.json') }).getProjects()[0]
    return readdirSync(folder)
      .filter((name) => name.endsWith('.ts') && !WITHOUT_CHECKS.has(name))
      .sort()
      .flatMap((name) => sitesOf(project.program.getSourceFile(resolve(folder, name)), name))
  } finally {
    api.close()
  }
}

function sitesOf(file, name) {
  const sites = []
  const seen = new Map()
  const path = resolve(folder, name)
  const add = (node, kind, where) => {
    const start = node.getStart(file)
    const text = file.text.slice(start, node.end).replaceAll(/\s+/g, ' ')
    const what = `${name} ${where}: ${text.length > 100 ? `${text.slice(0, 97)}...` : text}`
    const count = (seen.get(what) ?? 0) + 1
    seen.set(what, count)
    const key = count === 1 ? what : `${what} #${count}`
    const line = file.text.slice(0, start).split('\n').length
    sites.push({ key, path, line, kind, start, end: node.end })
  }
  const visit = (node, where, inCondition) => {
    const own = node.name?.text
    const inside =
      own !== undefined &&
      [SyntaxKind.FunctionDeclaration, SyntaxKind.MethodDeclaration, SyntaxKind.VariableDeclaration].includes(node.kind)
        ? own
        : where
    if (node.kind === SyntaxKind.IfStatement) {
      for (const part of operands(node.expression, SyntaxKind.BarBarToken)) add(part, 'never', inside)
      visit(node.expression, inside, true)
      visit(node.thenStatement, inside, false)
      if (node.elseStatement) visit(node.elseStatement, inside, false)
      return
    }
    // `...(x && { x })` leaves a property out: no condition of anything.
    if (node.kind === SyntaxKind.SpreadAssignment) return
    const conjunction =
      node.kind === SyntaxKind.BinaryExpression && node.operatorToken.kind === SyntaxKind.AmpersandAmpersandToken
    if (conjunction && !inCondition) {
      for (const part of operands(node, SyntaxKind.AmpersandAmpersandToken)) {
        add(part, 'always', inside)
        part.forEachChild((child) => visit(child, inside, false))
      }
      return
    }
    if (node.kind === SyntaxKind.ExpressionStatement && EFFECTS.has(calledName(node.expression)))
      add(node, 'skipped', inside)
    node.forEachChild((child) => visit(child, inside, inCondition))
  }
  visit(file, '', false)
  return sites
}

/**
 * The source of a file with every site behind a switch.
 * @param {Site[]} sites all of them: their index is their number
 */
export function instrumented(path, sites) {
  const source = readFileSync(path, 'utf8')
  const edits = sites.flatMap(({ path: of, start, end, kind }, number) => {
    if (of !== path) return []
    const [before, after] =
      kind === 'skipped' ? [`{ if (mutation.runs(${number})) `, ' }'] : [`mutation.${kind}(${number}, `, ')']
    return [
      { at: start, order: end - start, text: before },
      { at: end, order: start - end, text: after },
    ]
  })
  // Outer before inner where both begin at one place, inner before outer where both end there.
  edits.sort((a, b) => a.at - b.at || b.order - a.order)
  let out = ''
  let from = 0
  for (const { at, text } of edits) {
    out += source.slice(from, at) + text
    from = at
  }
  return out + source.slice(from)
}
