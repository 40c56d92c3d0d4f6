// One thread that tries mutants, started anew where a mutant hangs or uses up its memory.
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'

/** The longest that one observer may take, in milliseconds: without a removal the slowest takes a twentieth. */
const PATIENCE = 40_000

export class Thread {
  #worker
  #bundle

  constructor(bundle) {
    this.#bundle = pathToFileURL(bundle).href
  }

  /** @returns {Promise<string[]>} the names of the observers */
  async start() {
    this.#worker = new Worker(resolve(import.meta.dirname, 'worker.mjs'), {
      workerData: { bundle: this.#bundle },
      resourceLimits: { maxOldGenerationSizeMb: 2048 },
    })
    return new Promise((done, failed) => {
      this.#worker.once('message', ({ names }) => done(names))
      this.#worker.once('error', failed)
    })
  }

  /**
   * @param {number} site the removal, or -1 for none
   * @param {readonly number[]} observers in the order in which they look
   * @returns {Promise<{ noticedBy?: number, mattered: number[] }>}
   */
  async try(site, observers) {
    if (!this.#worker) await this.start()
    const worker = this.#worker
    let trying = observers[0]
    let timer
    let hear
    let lose
    const answer = await new Promise((done) => {
      lose = () => done({ noticedBy: trying, mattered: [], lost: true })
      const wait = () => {
        clearTimeout(timer)
        timer = setTimeout(lose, PATIENCE)
      }
      hear = (message) => {
        if (message.trying === undefined) return done(message)
        trying = message.trying
        wait()
      }
      worker.on('message', hear)
      worker.on('error', lose)
      wait()
      worker.postMessage({ site, observers })
    })
    clearTimeout(timer)
    worker.off('message', hear)
    // One that is ended may still fail: nobody waits for it.
    if (!answer.lost) worker.off('error', lose)
    else {
      this.#worker = undefined
      await worker.terminate()
    }
    return answer
  }

  async stop() {
    await this.#worker?.terminate()
    this.#worker = undefined
  }
}
