// The server's native logger needs a compiler and 40 s; this one writes the same lines. It assigns to `exports.name`
// because names inside an object literal are not seen by an ESM import of a CommonJS module.
const { appendFileSync, mkdirSync } = require('node:fs')
const { dirname } = require('node:path')

const LEVELS = ['trace', 'debug', 'info', 'warning', 'error', 'critical']

class Logger {
  #level = 2
  #raw = false
  #file

  constructor(file) {
    this.#file = file
    for (const [level, name] of ['trace', 'debug', 'info', 'warn', 'error', 'critical'].entries())
      this[name] = (message) => this.#write(level, message)
  }

  getLevel() {
    return this.#level
  }

  setLevel(level) {
    this.#level = level
  }

  clearFormatters() {
    this.#raw = true
  }

  setPattern() {}
  flush() {}
  drop() {}

  #write(level, message) {
    if (level < this.#level) return
    const line = this.#raw ? message : `${new Date().toISOString()} [${LEVELS[level]}] ${message}\n`
    try {
      appendFileSync(this.#file, line)
    } catch {
      // A log that cannot be written must not end the server.
    }
  }
}

async function create(_name, file) {
  mkdirSync(dirname(file), { recursive: true })
  return new Logger(file)
}

exports.version = 1
exports.setLevel = () => {}
exports.setFlushOn = () => {}
exports.Logger = Logger
exports.createRotatingLogger = create
exports.createAsyncRotatingLogger = create
