import type { InterruptPresenter } from './presenter.ts'
import { LEAST_FAVOURED } from './sources.ts'

/** RTAS services that set up a source (PAPR, "external interrupt vector entries"; spec/pseries.md §4.5). */
export type XiveService = 'ibm,set-xive' | 'ibm,get-xive' | 'ibm,int-off' | 'ibm,int-on'

/**
 * @param args number of the source; for ibm,set-xive server and priority behind it
 * @param out  takes what ibm,get-xive tells: server and priority
 * @returns false where there is no such source, server or priority
 */
export function xiveService(
  service: XiveService,
  presenter: InterruptPresenter,
  args: readonly number[],
  out: number[],
): boolean {
  const source = presenter.source(args[0]!)
  if (!source) return false
  switch (service) {
    case 'ibm,set-xive': {
      const [, server, priority] = args as [number, number, number]
      if (server !== 0 || priority > LEAST_FAVOURED) return false
      source.savedPriority = priority
      presenter.configure(source, { server, priority })
      return true
    }
    case 'ibm,get-xive':
      out.push(source.server, source.priority)
      return true
    case 'ibm,int-off':
      source.savedPriority = source.priority
      presenter.configure(source, { priority: LEAST_FAVOURED })
      return true
    case 'ibm,int-on':
      presenter.configure(source, { priority: source.savedPriority })
      return true
  }
}
