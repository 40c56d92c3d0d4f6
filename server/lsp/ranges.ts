/** Places in a text. Lines and characters (UTF-16) count from 0. */
import type { Position, TextRange } from '../esm/svm-yaml.ts'

export function contains({ start, end }: TextRange, { line, character }: Position): boolean {
  const behindStart = line > start.line || (line === start.line && character >= start.character)
  return behindStart && (line < end.line || (line === end.line && character <= end.character))
}

/** From a place in a line to another. */
export function inLine(line: number, from: number, to: number): TextRange {
  return { start: { line, character: from }, end: { line, character: to } }
}

/** Whole lines, from one up to but not with another. */
export function wholeLines(from: number, to: number): TextRange {
  return { start: { line: from, character: 0 }, end: { line: to, character: 0 } }
}

export function linesOf(text: string): string[] {
  return text.split(/\r?\n/)
}
