import type { TextDocument } from 'vscode-languageserver-textdocument'

/** Which of the server's languages a document is in. */
export type Language = 'svm-blob' | 'image' | 'launch' | 'dts'

/** By the language that the editor has it in, and by the name of its file; undefined for all others. */
export function languageOf(document: Pick<TextDocument, 'languageId' | 'uri' | 'getText'>): Language | undefined {
  const { languageId } = document
  const path = document.uri.replace(/[?#].*$/, '')
  if (languageId === 'svm-blob') return 'svm-blob'
  if (languageId === 'esm-dts') return 'dts'
  if (languageId === 'yaml') return /(\/svm_blob|\.svm)\.ya?ml$/.test(path) ? 'svm-blob' : undefined
  // Device-tree source is mostly of a machine's tree, and other extensions' language.
  if (/\.dts$/.test(path)) return isOperandSource(path, document.getText()) ? 'dts' : undefined
  if (languageId !== 'json' && languageId !== 'jsonc') return undefined
  if (/\/([^/]+\.)?pef\.json$/.test(path)) return 'image'
  return /\/\.vscode\/launch\.json$/.test(path) ? 'launch' : undefined
}

function isOperandSource(path: string, text: string): boolean {
  return /\.esm\.dts$/.test(path) || /\bcompatible\s*=\s*"ibm,esm"/.test(text)
}
