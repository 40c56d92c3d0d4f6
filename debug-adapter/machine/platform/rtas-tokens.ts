/** What the device tree says of a service and the dispatcher checks. */
export interface RtasServiceShape {
  /** Any number does; these count from 0x2000 (spec/pseries.md §4.5). */
  readonly token: number
  /** Numbers of arguments that are accepted. */
  readonly nargs: readonly number[]
  /** Results, the status included. */
  readonly nret: readonly number[]
}

const shape = (
  token: number,
  nargs: number | readonly number[],
  nret: number | readonly number[],
): RtasServiceShape => ({
  token,
  nargs: typeof nargs === 'number' ? [nargs] : nargs,
  nret: typeof nret === 'number' ? [nret] : nret,
})

/** The RTAS services by name (spec/ultravisor.md §6.2, spec/pseries.md §4.5; counts: PAPR). */
export const RTAS_SERVICES = {
  'display-character': shape(0x2000, 1, 1),
  'get-time-of-day': shape(0x2001, 0, 8),
  'nvram-fetch': shape(0x2002, 3, 2),
  'nvram-store': shape(0x2003, 3, 2),
  'event-scan': shape(0x2004, 4, 1),
  'check-exception': shape(0x2005, [6, 7], 1),
  'power-off': shape(0x2006, 2, 1),
  'system-reboot': shape(0x2007, 0, 1),
  'query-cpu-stopped-state': shape(0x2008, 1, 2),
  'start-cpu': shape(0x2009, 3, 1),
  // It does not come back, so a caller may leave no room for a status.
  'stop-self': shape(0x200a, 0, [0, 1]),
  'ibm,get-system-parameter': shape(0x200b, 3, 1),
  'ibm,set-system-parameter': shape(0x200c, 2, 1),
  'ibm,configure-connector': shape(0x200d, 2, 1),
  'ibm,slot-error-detail': shape(0x200e, 8, 1),
  'ibm,nmi-register': shape(0x200f, 2, 1),
  'ibm,nmi-interlock': shape(0x2010, 0, 1),
  'ibm,set-xive': shape(0x2011, 3, 1),
  'ibm,get-xive': shape(0x2012, 1, 3),
  'ibm,int-off': shape(0x2013, 1, 1),
  'ibm,int-on': shape(0x2014, 1, 1),
  'ibm,read-pci-config': shape(0x2015, 4, 2),
  'ibm,write-pci-config': shape(0x2016, 5, 1),
  'ibm,query-pe-dma-window': shape(0x2017, 3, 5),
  'ibm,create-pe-dma-window': shape(0x2018, 5, 4),
  'ibm,remove-pe-dma-window': shape(0x2019, 1, 1),
  'ibm,os-term': shape(0x201f, 1, 1),
} as const satisfies Readonly<Record<string, RtasServiceShape>>

export type RtasService = keyof typeof RTAS_SERVICES

const services = Object.entries(RTAS_SERVICES) as [RtasService, RtasServiceShape][]

/** Tokens by name, as they stand in `/rtas` of the device tree. */
export const RTAS_TOKENS = Object.fromEntries(services.map(([name, { token }]) => [name, token])) as Readonly<
  Record<RtasService, number>
>

const byToken = new Map<number, RtasService>(services.map(([name, { token }]) => [token, name]))

export const rtasService = (token: number): RtasService | undefined => byToken.get(token)
