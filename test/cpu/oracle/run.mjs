// Bundles main.ts and runs it: Node 20 does not execute TypeScript by itself.
import { mkdtempSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const here = dirname(fileURLToPath(import.meta.url))
const folder = mkdtempSync(join(here, '.bundle-'))
const outfile = join(folder, 'main.mjs')
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
await build({
  entryPoints: [join(here, 'main.ts')],
  bundle: true,
  platform: 'node',
  format: 'esm',
  outfile,
  logLevel: 'warning',
})
await import(pathToFileURL(outfile).href)
