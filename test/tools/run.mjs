// Bundles a script in TypeScript and runs it, since Node 20 does not execute TypeScript by itself.
//   node test/tools/run.mjs SCRIPT.ts [arguments of the script]
import { rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const [script] = process.argv.splice(2, 1)
if (!script) throw new Error('expected: node test/tools/run.mjs SCRIPT.ts')
// Beside the script, so that what it finds by its own address is there.
const outfile = join(dirname(resolve(script)), `.bundle-${process.pid}.mjs`)
process.on('exit', () => rmSync(outfile, { force: true }))
await build({
  ...{ entryPoints: [script], bundle: true, platform: 'node', format: 'esm', outfile, logLevel: 'warning' },
  // Scripts that are JavaScript already know where they lie.
  external: ['*.mjs'],
})
await import(pathToFileURL(outfile).href)
