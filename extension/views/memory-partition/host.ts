import type { ExtensionContext } from 'vscode'
import type { PefSession, PefSessions } from '../../sessions.ts'
import { ViewHost } from '../common/view-host.ts'
import type { MapMessage, MemoryMap } from './messages.ts'

/** A map of a machine that runs is asked for at most so often, in milliseconds. */
const RUNNING_INTERVAL = 400

/** Asks for the partition at every stop, and now and then while the machine runs. */
export class MemoryPartitionView extends ViewHost<MapMessage> {
  #map: MemoryMap | undefined
  /** As it was at the last stop, and at the one before. */
  #atStop: MemoryMap | undefined
  #before: MemoryMap | undefined
  #stop = 0
  #asked = 0

  constructor(context: ExtensionContext, sessions: PefSessions) {
    super(context, sessions, 'memory-partition', 'Memory Partition')
  }

  protected override reset(): void {
    this.#map = undefined
    this.#atStop = undefined
    this.#before = undefined
    this.#stop = 0
    this.#asked = 0
  }

  protected override async refresh(session: PefSession): Promise<void> {
    const stop = session.state === 'stopped' ? session.stops : this.#stop
    if (stop === this.#stop && session.state === 'running' && Date.now() - this.#asked < RUNNING_INTERVAL) return
    this.#asked = Date.now()
    const map = await session.ask('pef/memoryMap', {})
    if (stop !== this.#stop) {
      this.#before = this.#atStop
      this.#atStop = map
      this.#stop = stop
    } else if (session.state === 'running') this.#before = this.#atStop
    this.#map = map
    this.replay()
  }

  protected override replay(): void {
    if (this.#map) this.post({ kind: 'map', map: this.#map, ...(this.#before && { before: this.#before }) })
  }
}
