// How quick the language server is: keystroke to diagnostics with a 40 MiB initrd that was seen before, and its first look at
// that initrd beside sha512sum of the same file.
// Usage: npm run build && node test/bench/lsp.mjs [--keystrokes N]
import { execFileSync, spawn } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { createProtocolConnection, StreamMessageReader, StreamMessageWriter } from 'vscode-languageserver/node'

const root = fileURLToPath(new URL('../../', import.meta.url))
const at = process.argv.indexOf('--keystrokes')
const KEYSTROKES = at < 0 ? 200 : Number(process.argv[at + 1])
const INITRD_BYTES = 40 << 20

const folder = mkdtempSync(join(tmpdir(), 'pef-bench-'))
cpSync(join(root, 'test/guests/hello-svm'), folder, { recursive: true })
const initrd = new Uint8Array(INITRD_BYTES)
for (let i = 0; i < initrd.length; i += 64) initrd[i] = i >> 6
writeFileSync(join(folder, 'initrd.img'), initrd)
const comments = Array.from({ length: 180 }, (_, i) => `# line ${i} of what somebody wrote about this image\n`).join('')
const text = `${comments}- origin:
    pubkey: "origin.pub"
    seckey: "origin.sec"
- recipient:
    pubkey: "tpm.pem"
- digest:
    args: "console=hvc0 svm=on"
    initramfs: "initrd.img"
    kernel: "hello-svm.elf"
`
const line = text.split('\n').findIndex((one) => one.includes('args:'))

const server = spawn(process.execPath, [join(root, 'dist/server.js'), '--stdio'], {
  stdio: ['pipe', 'pipe', 'inherit'],
})
const client = createProtocolConnection(new StreamMessageReader(server.stdout), new StreamMessageWriter(server.stdin))
const waiting = new Map()
client.onNotification('textDocument/publishDiagnostics', ({ version }) => waiting.get(version)?.())
client.listen()
const published = (version) => new Promise((resolve) => waiting.set(version, resolve))
const uri = pathToFileURL(join(folder, 'svm_blob.yml')).href

try {
  await client.sendRequest('initialize', {
    processId: process.pid,
    rootUri: null,
    capabilities: {},
    workspaceFolders: [],
  })
  await client.sendNotification('initialized', {})

  const opened = performance.now()
  const first = published(1)
  const textDocument = { uri, languageId: 'svm-blob', version: 1, text }
  await client.sendNotification('textDocument/didOpen', { textDocument })
  await first
  // Hints are what needs the digest of the initrd.
  const range = { start: { line: 0, character: 0 }, end: { line: 999, character: 0 } }
  await client.sendRequest('textDocument/inlayHint', { textDocument: { uri }, range })
  const firstCheck = performance.now() - opened

  const summed = performance.now()
  execFileSync('sha512sum', [join(folder, 'initrd.img')])
  const sum = performance.now() - summed

  const times = []
  for (let version = 2; version < KEYSTROKES + 2; version++) {
    const done = published(version)
    const start = performance.now()
    const place = { line, character: 11 }
    const change = { range: { start: place, end: place }, text: 'x' }
    await client.sendNotification('textDocument/didChange', {
      textDocument: { uri, version },
      contentChanges: [change],
    })
    await done
    times.push(performance.now() - start)
  }
  times.sort((a, b) => a - b)
  const percentile = (p) => times[Math.min(times.length - 1, Math.floor(p * times.length))].toFixed(1)
  console.log(`first look at 40 MiB  ${firstCheck.toFixed(0)} ms, sha512sum ${sum.toFixed(0)} ms`)
  console.log(
    `keystroke p50 ${percentile(0.5)} ms p95 ${percentile(0.95)} ms max ${percentile(1)} ms of ${times.length}`,
  )
} finally {
  server.kill()
  rmSync(folder, { recursive: true })
}
