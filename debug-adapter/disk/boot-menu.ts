/** What a boot loader would start: GRUB's configuration and Boot Loader Specification entries, without running GRUB. */
import type { Ext4 } from './ext4.ts'

export interface BootEntry {
  readonly title: string
  /** Paths on the file system that the configuration is on, or on another one of the disk. */
  readonly kernel: string
  readonly initrds: readonly string[]
  readonly bootargs: string
  readonly isDefault: boolean
}

const GRUB = ['/boot/grub/grub.cfg', '/grub/grub.cfg', '/boot/grub2/grub.cfg', '/grub2/grub.cfg']
const SPECIFIED = ['/boot/loader/entries', '/loader/entries']

/** The entries of the first configuration that a file system has; empty where it has none. */
export function bootMenu(files: Ext4): { readonly path: string; readonly entries: BootEntry[] } | undefined {
  for (const path of GRUB) {
    const bytes = files.read(path)
    if (!bytes) continue
    const environment = files.read(path.replace(/grub\.cfg$/, 'grubenv'))
    const saved = environment && /^saved_entry=(.*)$/m.exec(new TextDecoder().decode(environment))?.[1]
    const entries = grubEntries(new TextDecoder().decode(bytes), saved)
    if (entries.length > 0) return { path, entries }
  }
  for (const folder of SPECIFIED) {
    const entries = files
      .list(folder)
      .filter((name) => name.endsWith('.conf'))
      // The newest version first, as boot loaders show them.
      .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
      .flatMap((name) => specifiedEntry(new TextDecoder().decode(files.read(`${folder}/${name}`) ?? new Uint8Array(0))))
    if (entries.length > 0) return { path: folder, entries: withDefault(entries, 0) }
  }
  return undefined
}

type Plain = Omit<BootEntry, 'isDefault'> & { readonly id?: string | undefined }

const withDefault = (entries: readonly Plain[], chosen: number): BootEntry[] =>
  entries.map(({ title, kernel, initrds, bootargs }, i) => ({
    title,
    kernel,
    initrds,
    bootargs,
    isDefault: i === chosen,
  }))

/**
 * Reads `menuentry` blocks with their `linux` and `initrd` commands. Variables that `set` gave a fixed value are put in; conditions are
 * not decided, so of two branches the last one counts.
 * @param saved the entry that grubenv remembers
 */
export function grubEntries(text: string, saved?: string): BootEntry[] {
  const variables = new Map<string, string>()
  const entries: Plain[] = []
  let current:
    | { title: string; id?: string | undefined; kernel?: string; initrds: string[]; bootargs: string }
    | undefined
  let depth = 0
  let entryDepth = 0
  const end = () => {
    if (current?.kernel !== undefined) entries.push({ ...current, kernel: current.kernel })
    current = undefined
  }
  for (const line of text.split('\n')) {
    const words = grubWords(line, variables)
    const [command, ...rest] = words
    if (command === undefined) continue
    if (command === 'menuentry' && words.includes('{')) {
      current = { title: rest[0] ?? '', id: optionOf(rest, '--id') ?? menuId(rest), initrds: [], bootargs: '' }
      entryDepth = depth
    } else if (command === 'set') setVariable(rest[0] ?? '', variables)
    else if (current && /^linux(16|efi)?$/.test(command)) {
      current.kernel = rest[0] ?? ''
      current.bootargs = rest.slice(1).join(' ')
    } else if (current && /^initrd(16|efi)?$/.test(command)) current.initrds = rest
    for (const word of words) {
      if (word === '{') depth++
      else if (word === '}' && --depth === entryDepth && current) end()
    }
  }
  end()
  const wanted = variables.get('default') || saved || '0'
  const byName = entries.findIndex(({ title, id }) => wanted === title || wanted === id || wanted.endsWith(`>${id}`))
  const byNumber = /^\d+$/.test(wanted) ? Number(wanted) : -1
  const chosen = byName >= 0 ? byName : byNumber >= 0 && byNumber < entries.length ? byNumber : 0
  return withDefault(entries, chosen)
}

function setVariable(assignment: string, variables: Map<string, string>): void {
  const [, name, value] = /^([A-Za-z_]\w*)=(.*)$/s.exec(assignment) ?? []
  if (name !== undefined) variables.set(name, value!)
}

const optionOf = (words: readonly string[], name: string): string | undefined => {
  const at = words.findIndex((word) => word === name || word.startsWith(`${name}=`))
  return at < 0 ? undefined : words[at]!.includes('=') ? words[at]!.slice(name.length + 1) : words[at + 1]
}

/** Debian and others give the id behind a variable that only newer versions of GRUB set. */
const menuId = (words: readonly string[]): string | undefined => words.find((word) => /^gnulinux-/.test(word))

/** Words of a line of GRUB's language: quotes, backslash, comments, `$name` and `${name}`; braces and semicolons end words. */
function grubWords(line: string, variables: ReadonlyMap<string, string>): string[] {
  const words: string[] = []
  let word: string | undefined
  const value = (name: string) => variables.get(name) ?? ''
  for (let i = 0; i < line.length; i++) {
    const c = line[i]!
    if (c === "'") {
      const close = line.indexOf("'", i + 1)
      const stop = close < 0 ? line.length : close
      word = (word ?? '') + line.slice(i + 1, stop)
      i = stop
    } else if (c === '"') {
      word ??= ''
      for (i++; i < line.length && line[i] !== '"'; i++) {
        const variable = variableAt(line, i)
        if (line[i] === '\\') word += line[++i] ?? ''
        else if (variable) {
          word += value(variable.name)
          i = variable.end - 1
        } else word += line[i]!
      }
    } else if (c === '#' && word === undefined) break
    else if (/[\s;]/.test(c)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else if (c === '\\') word = (word ?? '') + (line[++i] ?? '')
    else {
      const variable = variableAt(line, i)
      if (variable) {
        word = (word ?? '') + value(variable.name)
        i = variable.end - 1
      } else word = (word ?? '') + c
    }
  }
  if (word !== undefined) words.push(word)
  return words.filter((one) => one !== '')
}

function variableAt(line: string, at: number): { name: string; end: number } | undefined {
  const match = /^\$(?:\{(\w+)\}|(\w+))/.exec(line.slice(at))
  return match ? { name: match[1] ?? match[2]!, end: at + match[0].length } : undefined
}

/** One file of the Boot Loader Specification: `title`, `linux`, `initrd`, `options`. */
function specifiedEntry(text: string): Plain[] {
  const all = (key: string) =>
    [...text.matchAll(new RegExp(`^${key}[ \\t]+(.+)$`, 'gm'))].map((match) => match[1]!.trim())
  const [kernel] = all('linux')
  if (kernel === undefined) return []
  return [{ title: all('title')[0] ?? kernel, kernel, initrds: all('initrd'), bootargs: all('options').join(' ') }]
}
