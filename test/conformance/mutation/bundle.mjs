// Bundles the observers with every check of the ultravisor behind a switch.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { instrumented } from './sites.mjs'

/** Which removal is on, and what each site came across: a table for the bundle, made anew in each thread. */
const SWITCHES = `
const mutation = globalThis.pefMutation ??= {
  active: -1,
  // Sites that would have made a difference if they were removed.
  mattered: new Set(),
  never(site, value) {
    if (value) this.mattered.add(site)
    return site === this.active ? false : value
  },
  always(site, value) {
    if (!value) this.mattered.add(site)
    return site === this.active ? true : value
  },
  runs(site) {
    this.mattered.add(site)
    return site !== this.active
  },
}`

/** @param {import('./sites.mjs').Site[]} sites */
export async function bundlePool(sites, outfile) {
  const paths = new Set(sites.map(({ path }) => path))
  await build({
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'warning',
    entryPoints: [resolve(import.meta.dirname, 'pool.ts')],
    outfile,
    banner: { js: SWITCHES },
    plugins: [
      {
        name: 'switches',
        setup({ onLoad }) {
          onLoad({ filter: /\.ts$/ }, ({ path }) => ({
            loader: 'ts',
            // Fixtures are found from the file that asks for them, not from the bundle.
            contents: (paths.has(path) ? instrumented(path, sites) : readFileSync(path, 'utf8')).replaceAll(
              'import.meta.url',
              JSON.stringify(pathToFileURL(path).href),
            ),
          }))
        },
      },
    ],
  })
}
