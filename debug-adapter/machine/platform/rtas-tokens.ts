/** RTAS services and their tokens: any numbers do, these count from 0x2000 (spec/pseries.md §4.5). `ibm,os-term` is the one the ultravisor assumes. */
export const RTAS_TOKENS = {
  'display-character': 0x2000,
  'get-time-of-day': 0x2001,
  'nvram-fetch': 0x2002,
  'nvram-store': 0x2003,
  'event-scan': 0x2004,
  'check-exception': 0x2005,
  'power-off': 0x2006,
  'system-reboot': 0x2007,
  'query-cpu-stopped-state': 0x2008,
  'start-cpu': 0x2009,
  'stop-self': 0x200a,
  'ibm,get-system-parameter': 0x200b,
  'ibm,set-system-parameter': 0x200c,
  'ibm,configure-connector': 0x200d,
  'ibm,slot-error-detail': 0x200e,
  'ibm,nmi-register': 0x200f,
  'ibm,os-term': 0x201f,
} as const

export type RtasService = keyof typeof RTAS_TOKENS

const byToken = new Map<number, RtasService>(
  (Object.entries(RTAS_TOKENS) as [RtasService, number][]).map(([name, token]) => [token, name]),
)

export const rtasService = (token: number): RtasService | undefined => byToken.get(token)
