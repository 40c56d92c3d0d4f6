/** Which of the server's languages a document is in. */
export type Language = 'svm-blob' | 'image' | 'launch'

/** By the language that the editor has it in, and by the name of its file; undefined for all others. */
export function languageOf(languageId: string, uri: string): Language | undefined {
  const path = uri.replace(/[?#].*$/, '')
  if (languageId === 'svm-blob') return 'svm-blob'
  if (languageId === 'yaml') return /(\/svm_blob|\.svm)\.ya?ml$/.test(path) ? 'svm-blob' : undefined
  if (languageId !== 'json' && languageId !== 'jsonc') return undefined
  if (/\/([^/]+\.)?pef\.json$/.test(path)) return 'image'
  return /\/\.vscode\/launch\.json$/.test(path) ? 'launch' : undefined
}
