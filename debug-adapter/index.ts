/** The debug adapter as a program: DAP on standard input and output. */
import { readFile } from 'node:fs/promises'
import { nodeCrypto } from '../server/esm/crypto/node.ts'
import { requestHandlers } from './adapter/requests/index.ts'
import { PefSession } from './adapter/session.ts'
import { Machine } from './machine/machine.ts'
import { inflate } from './node-inflate.ts'

// Standard output belongs to the protocol: whatever else writes there would break it.
console.log = console.error

const session = new PefSession(
  {
    createMachine: (config) => new Machine(config),
    files: (cwd) => ({ readFile: (path) => readFile(path), cwd, crypto: nodeCrypto, inflate }),
    cwd: process.cwd(),
    closed: () => setTimeout(() => process.exit(0), 50),
  },
  requestHandlers,
)
process.on('SIGTERM', () => session.close())
session.start(process.stdin, process.stdout)
