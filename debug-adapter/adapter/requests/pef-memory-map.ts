import { PAGE_BYTES, type PageUse } from '../../machine/memory/real-memory.ts'
import { hex } from '../format.ts'
import type { PageRun, PefRequests } from '../protocol.ts'
import type { RequestHandler } from '../request.ts'
import type { Target } from '../target.ts'

const PAGE = BigInt(PAGE_BYTES)

/** The memory partition: neighbouring pages with one owner, one use and one state are one run. */
export const pefMemoryMap: RequestHandler<
  PefRequests['pef/memoryMap']['arguments'],
  PefRequests['pef/memoryMap']['body']
> = {
  command: 'pef/memoryMap',
  handle: (session) => {
    const { target } = session
    const { memory, trace, vmState } = target.machine
    return {
      normalBytes: memory.normalBytes,
      secureBytes: memory.secureBytes,
      vmState,
      runs: runs(target),
      seq: trace.total - 1,
    }
  },
}

function runs({ machine }: Target): PageRun[] {
  const list: PageRun[] = []
  let last: ({ readonly ra: bigint; readonly state: string | undefined; pages: number } & PageUse) | undefined
  const close = () => {
    if (!last) return
    const { ra, pages, owner, use, lpid, gpa, state } = last
    list.push({
      ra: hex(ra),
      pages,
      owner,
      use,
      ...(lpid !== undefined && { lpid }),
      ...(gpa !== undefined && { gpa: hex(gpa) }),
      ...(state !== undefined && { state }),
    })
  }
  for (const page of machine.memory.owned()) {
    const state = page.gpa === undefined ? undefined : machine.pageState(page.gpa)
    const distance = last && BigInt(last.pages) * PAGE
    const continues =
      last !== undefined &&
      page.ra === last.ra + distance! &&
      page.owner === last.owner &&
      page.use === last.use &&
      page.lpid === last.lpid &&
      state === last.state &&
      (page.gpa === undefined ? last.gpa === undefined : last.gpa !== undefined && page.gpa === last.gpa + distance!)
    if (continues) last!.pages++
    else {
      close()
      last = { ...page, state, pages: 1 }
    }
  }
  close()
  return list
}
