// The speed of the processor beside QEMU's: bundles cpu.ts and runs it, since Node 20 does not execute TypeScript by itself.
//   node test/bench/cpu.mjs [--interpreter] [--programs sieve,list] [--runs 5] [--cpu-time]
import { rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const here = dirname(fileURLToPath(import.meta.url))
const outfile = join(here, `.bundle-${process.pid}.mjs`)
process.on('exit', () => rmSync(outfile, { force: true }))
await build({
  entryPoints: [join(here, 'cpu.ts')],
  bundle: true,
  platform: 'node',
  format: 'esm',
  outfile,
  external: ['./programs/build.mjs'],
  logLevel: 'warning',
})
await import(pathToFileURL(outfile).href)
