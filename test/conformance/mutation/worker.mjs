// A thread of its own for mutants: it can be ended where one never comes to its end.
import { parentPort, workerData } from 'node:worker_threads'

const { pool } = await import(workerData.bundle)
const { pefMutation: mutation } = globalThis

function passes(observer) {
  try {
    return observer.run()
  } catch {
    return false
  }
}

parentPort.on('message', ({ site, observers }) => {
  mutation.active = site
  mutation.mattered.clear()
  let noticedBy
  for (const number of observers) {
    parentPort.postMessage({ trying: number })
    if (passes(pool[number])) continue
    noticedBy = number
    break
  }
  parentPort.postMessage({ site, noticedBy, mattered: [...mutation.mattered] })
})
parentPort.postMessage({ names: pool.map(({ name }) => name) })
