import type { MachineEnd } from './api.ts'

/** Thrown out of firmware steps when the machine ends in the middle of them. The machine catches it. */
export class MachineStop extends Error {
  constructor(readonly end: MachineEnd) {
    super(end.reason)
    this.name = 'MachineStop'
  }
}
