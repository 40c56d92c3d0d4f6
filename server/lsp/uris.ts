/** Uris of files and the paths that people write. The work is done on the uris' text, so that it runs in a browser too. */

/** Uri of the folder that a file or folder is in, without a slash at the end. */
export function parentOf(uri: string): string {
  return uri.replace(/[?#].*$/, '').replace(/\/[^/]*\/?$/, '')
}

/** The last part of a uri's path, as people write it. */
export function nameOf(uri: string): string {
  return decode(
    uri
      .replace(/[?#].*$/, '')
      .replace(/\/$/, '')
      .replace(/^.*\//, ''),
  )
}

/** Whether a path as a person wrote it starts at the root: `/x`, `C:\x`, `\\server\x`. */
export function isAbsolutePath(path: string): boolean {
  return /^(\/|\\\\|[A-Za-z]:[\\/])/.test(path)
}

/**
 * The uri that a path means.
 * @param folder uri that relative paths start from
 */
export function joinUri(folder: string, path: string): string {
  const plain = path.replaceAll('\\', '/')
  const [origin = ''] = /^[a-z][a-z0-9+.-]*:\/\/[^/]*/i.exec(folder) ?? []
  const start = isAbsolutePath(path) ? [] : folder.slice(origin.length).split('/')
  const parts: string[] = []
  for (const part of [...start, ...plain.split('/').map(encode)])
    if (part === '..') parts.pop()
    else if (part !== '.' && part !== '') parts.push(part)
  return `${origin}/${parts.join('/')}`
}

/** As VS Code writes it: a colon of a drive letter too. */
function encode(part: string): string {
  return encodeURIComponent(part).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
