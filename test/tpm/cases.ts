import { attestationCases } from './cases/attestation.ts'
import { auditCases } from './cases/audit.ts'
import { contextsCases } from './cases/contexts.ts'
import { framingCases } from './cases/framing.ts'
import { handlesCases } from './cases/handles.ts'
import { hierarchiesCases } from './cases/hierarchies.ts'
import { nvCases } from './cases/nv.ts'
import { objectsCases } from './cases/objects.ts'
import { pcrsCases } from './cases/pcrs.ts'
import { policiesCases } from './cases/policies.ts'
import { rsaCases } from './cases/rsa.ts'
import { sealedCases } from './cases/sealed.ts'
import { sessionsCases } from './cases/sessions.ts'
import { startupCases } from './cases/startup.ts'
import type { Cases } from './cases/support.ts'

export type { Setting } from './cases/support.ts'

/** Every case on which both have to agree, by its title. */
export const cases: Cases = {
  ...sessionsCases,
  ...handlesCases,
  ...pcrsCases,
  ...policiesCases,
  ...objectsCases,
  ...rsaCases,
  ...startupCases,
  ...nvCases,
  ...hierarchiesCases,
  ...attestationCases,
  ...contextsCases,
  ...auditCases,
  ...framingCases,
  ...sealedCases,
}
