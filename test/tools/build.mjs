// Bundles everything into dist/. Options: --watch, --minify.
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { build, context } from 'esbuild'

const watch = process.argv.includes('--watch')
const common = {
  bundle: true,
  outdir: 'dist',
  sourcemap: true,
  minify: process.argv.includes('--minify'),
  target: 'es2022',
  logLevel: 'warning',
  tsconfig: 'tsconfig.json',
}

// dist/ is CommonJS: VS Code loads extensions so, and one rule for the folder is simpler than one a file.
const node = { ...common, platform: 'node', format: 'cjs', target: 'node20', external: ['vscode'] }
const browser = { ...common, platform: 'browser' }
const views = existsSync('extension/views')
  ? readdirSync('extension/views', { withFileTypes: true })
      .filter(
        (entry) =>
          entry.isDirectory() && entry.name !== 'common' && existsSync(`extension/views/${entry.name}/page.ts`),
      )
      .map((entry) => ({ in: `extension/views/${entry.name}/page.ts`, out: `views/${entry.name}` }))
  : []

const bundles = [
  { ...node, entryPoints: [{ in: 'extension/extension.ts', out: 'extension' }] },
  {
    ...browser,
    format: 'cjs',
    external: ['vscode'],
    entryPoints: [{ in: 'extension/web.ts', out: 'extension.web' }],
    // The browser's extension host does not look at dist/package.json, and takes no other module from a package of type "module".
    outExtension: { '.js': '.cjs' },
  },
  { ...node, entryPoints: [{ in: 'server/server.ts', out: 'server' }] },
  { ...browser, format: 'iife', entryPoints: [{ in: 'server/server.web.ts', out: 'server.web' }] },
  { ...node, entryPoints: [{ in: 'debug-adapter/index.ts', out: 'debug-adapter' }] },
  {
    ...node,
    banner: { js: '#!/usr/bin/env node' },
    entryPoints: [{ in: 'debug-adapter/cli/pef.ts', out: 'pef' }],
  },
  ...(views.length > 0 ? [{ ...browser, format: 'iife', entryPoints: views }] : []),
]

/** Puts what was built in the place of what is there. */
function fill(files) {
  rmSync('dist', { recursive: true, force: true })
  mkdirSync('dist', { recursive: true })
  writeFileSync('dist/package.json', '{ "type": "commonjs" }\n')
  for (const { path, contents } of files) {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, contents)
  }
}

if (watch) {
  fill([])
  for (const bundle of bundles) await (await context(bundle)).watch()
} else {
  // A build that fails leaves what is there.
  const built = await Promise.all(bundles.map((bundle) => build({ ...bundle, write: false })))
  fill(built.flatMap(({ outputFiles }) => outputFiles))
  chmodSync('dist/pef.js', 0o755)
}
