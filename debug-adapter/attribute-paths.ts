/** The paths in launch attributes. */

type Attributes = Readonly<Record<string, unknown>>

/** The attributes with each path in them changed; what is no path, or no text where one belongs, stays as it is. */
export function mapPaths(given: Attributes, change: (path: string) => string): Record<string, unknown> {
  const path = (value: unknown) => (typeof value === 'string' ? change(value) : value)
  const attributes: Record<string, unknown> = { ...given }
  for (const name of ['kernel', 'initrd', 'operand']) if (name in given) attributes[name] = path(given[name])
  const { symbols, tpm } = given
  if (symbols !== undefined) attributes['symbols'] = Array.isArray(symbols) ? symbols.map(path) : path(symbols)
  if (typeof tpm === 'object' && tpm !== null && 'key' in tpm) attributes['tpm'] = { ...tpm, key: path(tpm.key) }
  const { drives } = given
  if (Array.isArray(drives))
    attributes['drives'] = drives.map((drive: unknown) =>
      typeof drive === 'object' && drive !== null && 'file' in drive
        ? { ...drive, file: path(drive.file) }
        : path(drive),
    )
  return attributes
}

/** Joins a path as a person wrote it to a folder; absolute paths (POSIX, drive letter, UNC) stay as they are. */
export function resolvePath(folder: string, path: string): string {
  if (/^(\/|\\\\|[A-Za-z]:[\\/])/.test(path)) return path
  return `${folder.replace(/[\\/]+$/, '')}/${path.replace(/^\.\//, '')}`
}
