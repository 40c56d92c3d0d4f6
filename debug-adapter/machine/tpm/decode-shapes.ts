import { ALG, CC } from './constants.ts'
import type { FieldWriter } from './field-writer.ts'

export type Shape = (w: FieldWriter) => void

const publicArea =
  (prefix: string): Shape =>
  (w) =>
    w.structure(prefix, publicFields(prefix))

/** Fields of an object's public area: of an RSA key, or of data, which has a scheme and a digest only. */
const publicFields =
  (prefix: string): Shape =>
  (w) => {
    const type = w.number(`${prefix}.type`, 2)
    w.number(`${prefix}.nameAlg`, 2)
    w.number(`${prefix}.objectAttributes`, 4)
    w.sized(`${prefix}.authPolicy`)
    if (type === ALG.RSA) rsaParameters(`${prefix}.parameters`)(w)
    else w.number(`${prefix}.parameters.scheme`, 2)
    w.sized(`${prefix}.unique`)
  }

const rsaParameters =
  (prefix: string): Shape =>
  (w) => {
    if (w.number(`${prefix}.symmetric`, 2) !== ALG.NULL) {
      w.number(`${prefix}.symmetric.keyBits`, 2)
      w.number(`${prefix}.symmetric.mode`, 2)
    }
    scheme(`${prefix}.scheme`, `${prefix}.scheme.hashAlg`)(w)
    w.number(`${prefix}.keyBits`, 2)
    w.number(`${prefix}.exponent`, 4)
  }

/** An algorithm and its hash, where it has one. */
const scheme =
  (name: string, hash: string): Shape =>
  (w) => {
    const algorithm = w.number(name, 2)
    if (algorithm !== ALG.NULL && algorithm !== ALG.RSAES) w.number(hash, 2)
  }

const ticket =
  (prefix: string): Shape =>
  (w) => {
    w.number(`${prefix}.tag`, 2)
    w.number(`${prefix}.hierarchy`, 4)
    w.sized(`${prefix}.digest`)
  }

const signature: Shape = (w) => {
  if (w.number('signature.sigAlg', 2) === ALG.NULL) return
  w.number('signature.hash', 2)
  w.sized('signature.sig')
}

const nvPublic =
  (prefix: string): Shape =>
  (w) =>
    w.structure(prefix, () => {
      w.number(`${prefix}.nvIndex`, 4)
      w.number(`${prefix}.nameAlg`, 2)
      w.number(`${prefix}.attributes`, 4)
      w.sized(`${prefix}.authPolicy`)
      w.number(`${prefix}.dataSize`, 2)
    })

const context: Shape = (w) => {
  w.take('context.sequence', 8)
  w.number('context.savedHandle', 4)
  w.number('context.hierarchy', 4)
  w.sized('context.contextBlob')
}

/** TPM2B fields one after the other. */
const allSized =
  (...names: string[]): Shape =>
  (w) => {
    for (const name of names) w.sized(name)
  }

const rsaOperation =
  (input: string): Shape =>
  (w) => {
    w.sized(input)
    scheme('inScheme.scheme', 'inScheme.hashAlg')(w)
    w.sized('label')
  }

const selections =
  (prefix: string): Shape =>
  (w) => {
    const count = w.number(`${prefix}.count`, 4)
    for (let i = 0; i < count; i++) {
      w.number(`${prefix}[${i}].hash`, 2)
      w.take(`${prefix}[${i}].pcrSelect`, w.number(`${prefix}[${i}].sizeofSelect`, 1))
    }
  }

const template: Shape = (w) => {
  w.structure('inSensitive', allSized('inSensitive.userAuth', 'inSensitive.data'))
  publicArea('inPublic')(w)
  w.sized('outsideInfo')
  selections('creationPCR')(w)
}

const created: Shape = (w) => {
  w.take('creationData', w.number('creationData.size', 2))
  w.sized('creationHash')
  ticket('creationTicket')(w)
}

const hashSizes: Readonly<Record<number, number>> = { [ALG.SHA1]: 20, [ALG.SHA256]: 32, 12: 48, 13: 64 }

export interface CommandShape {
  readonly handles?: readonly string[]
  readonly request?: Shape
  readonly responseHandle?: string
  readonly response?: Shape
}

/** Fields of each command in order, named as TPM 2.0 part 3 names them. */
export const shapes: Readonly<Record<number, CommandShape>> = {
  [CC.Startup]: { request: (w) => void w.number('startupType', 2) },
  [CC.Shutdown]: { request: (w) => void w.number('shutdownType', 2) },
  [CC.SelfTest]: { request: (w) => void w.number('fullTest', 1) },
  [CC.GetRandom]: { request: (w) => void w.number('bytesRequested', 2), response: (w) => w.sized('randomBytes') },
  [CC.NV_ReadPublic]: {
    handles: ['nvIndex'],
    response: (w) => {
      nvPublic('nvPublic')(w)
      w.sized('nvName')
    },
  },
  [CC.PCR_Reset]: { handles: ['pcrHandle'] },
  [CC.PCR_Extend]: {
    handles: ['pcrHandle'],
    request: (w) => {
      const count = w.number('digests.count', 4)
      for (let i = 0; i < count; i++)
        w.take(`digests[${i}].digest`, hashSizes[w.number(`digests[${i}].hashAlg`, 2)] ?? w.left)
    },
  },
  [CC.PCR_Read]: {
    request: selections('pcrSelectionIn'),
    response: (w) => {
      w.number('pcrUpdateCounter', 4)
      selections('pcrSelectionOut')(w)
      const count = w.number('pcrValues.count', 4)
      for (let i = 0; i < count; i++) w.sized(`pcrValues[${i}]`)
    },
  },
  [CC.GetCapability]: {
    request: (w) => {
      for (const name of ['capability', 'property', 'propertyCount']) w.number(name, 4)
    },
    response: (w) => {
      w.number('moreData', 1)
      const capability = w.number('capability', 4)
      const count = w.number('count', 4)
      if (capability === 1 || capability === 2)
        for (let i = 0; i < count; i++) w.number(`${capability === 1 ? 'handle' : 'command'}[${i}]`, 4)
      else if (w.left > 0) w.take('data', w.left)
    },
  },
  [CC.CreatePrimary]: {
    handles: ['primaryHandle'],
    request: template,
    responseHandle: 'objectHandle',
    response: (w) => {
      publicArea('outPublic')(w)
      created(w)
      w.sized('name')
    },
  },
  [CC.Create]: {
    handles: ['parentHandle'],
    request: template,
    response: (w) => {
      w.sized('outPrivate')
      publicArea('outPublic')(w)
      created(w)
    },
  },
  [CC.Load]: {
    handles: ['parentHandle'],
    request: (w) => {
      for (const name of ['inPrivate', 'inPublic']) w.sized(name)
    },
    responseHandle: 'objectHandle',
    response: (w) => w.sized('name'),
  },
  [CC.ReadPublic]: {
    handles: ['objectHandle'],
    response: (w) => {
      publicArea('outPublic')(w)
      w.sized('name')
      w.sized('qualifiedName')
    },
  },
  [CC.ObjectChangeAuth]: {
    handles: ['objectHandle', 'parentHandle'],
    request: (w) => w.sized('newAuth'),
    response: (w) => w.sized('outPrivate'),
  },
  [CC.EvictControl]: { handles: ['auth', 'objectHandle'], request: (w) => void w.number('persistentHandle', 4) },
  [CC.FlushContext]: { request: (w) => void w.number('flushHandle', 4) },
  [CC.StartAuthSession]: {
    handles: ['tpmKey', 'bind'],
    request: (w) => {
      w.sized('nonceCaller')
      w.sized('encryptedSalt')
      w.number('sessionType', 1)
      if (w.number('symmetric.algorithm', 2) !== ALG.NULL) {
        w.number('symmetric.keyBits', 2)
        w.number('symmetric.mode', 2)
      }
      w.number('authHash', 2)
    },
    responseHandle: 'sessionHandle',
    response: (w) => w.sized('nonceTPM'),
  },
  [CC.PolicyCommandCode]: { handles: ['policySession'], request: (w) => void w.number('code', 4) },
  [CC.PolicyAuthValue]: { handles: ['policySession'] },
  [CC.PolicyOR]: {
    handles: ['policySession'],
    request: (w) => {
      const count = w.number('pHashList.count', 4)
      for (let i = 0; i < count; i++) w.sized(`pHashList.digests[${i}]`)
    },
  },
  [CC.PolicyPCR]: {
    handles: ['policySession'],
    request: (w) => {
      w.sized('pcrDigest')
      selections('pcrs')(w)
    },
  },
  [CC.PolicyGetDigest]: { handles: ['policySession'], response: (w) => w.sized('policyDigest') },
  [CC.RSA_Decrypt]: {
    handles: ['keyHandle'],
    request: rsaOperation('cipherText'),
    response: (w) => w.sized('message'),
  },
  [CC.RSA_Encrypt]: {
    handles: ['keyHandle'],
    request: rsaOperation('message'),
    response: (w) => w.sized('outData'),
  },
  [CC.GetTestResult]: {
    response: (w) => {
      w.sized('outData')
      w.number('testResult', 4)
    },
  },
  [CC.StirRandom]: { request: (w) => w.sized('inData') },
  [CC.Hash]: {
    request: (w) => {
      w.sized('data')
      w.number('hashAlg', 2)
      w.number('hierarchy', 4)
    },
    response: (w) => {
      w.sized('outHash')
      ticket('validation')(w)
    },
  },
  [CC.ReadClock]: {
    response: (w) => {
      for (const name of ['time', 'clock']) w.take(name, 8)
      for (const name of ['resetCount', 'restartCount']) w.number(name, 4)
      w.number('safe', 1)
    },
  },
  [CC.PolicyRestart]: { handles: ['sessionHandle'] },
  [CC.PolicySecret]: {
    handles: ['authHandle', 'policySession'],
    request: (w) => {
      allSized('nonceTPM', 'cpHashA', 'policyRef')(w)
      w.number('expiration', 4)
    },
    response: (w) => {
      w.sized('timeout')
      ticket('policyTicket')(w)
    },
  },
  [CC.HierarchyChangeAuth]: { handles: ['authHandle'], request: (w) => w.sized('newAuth') },
  [CC.Clear]: { handles: ['authHandle'] },
  [CC.DictionaryAttackLockReset]: { handles: ['lockHandle'] },
  [CC.LoadExternal]: {
    request: (w) => {
      w.sized('inPrivate')
      publicArea('inPublic')(w)
      w.number('hierarchy', 4)
    },
    responseHandle: 'objectHandle',
    response: (w) => w.sized('name'),
  },
  [CC.Unseal]: { handles: ['itemHandle'], response: (w) => w.sized('outData') },
  [CC.NV_DefineSpace]: {
    handles: ['authHandle'],
    request: (w) => {
      w.sized('auth')
      nvPublic('publicInfo')(w)
    },
  },
  [CC.NV_UndefineSpace]: { handles: ['authHandle', 'nvIndex'] },
  [CC.NV_Write]: {
    handles: ['authHandle', 'nvIndex'],
    request: (w) => {
      w.sized('data')
      w.number('offset', 2)
    },
  },
  [CC.NV_Read]: {
    handles: ['authHandle', 'nvIndex'],
    request: (w) => {
      for (const name of ['size', 'offset']) w.number(name, 2)
    },
    response: (w) => w.sized('data'),
  },
  [CC.Quote]: {
    handles: ['signHandle'],
    request: (w) => {
      w.sized('qualifyingData')
      scheme('inScheme.scheme', 'inScheme.hashAlg')(w)
      selections('PCRselect')(w)
    },
    response: (w) => {
      w.sized('quoted')
      signature(w)
    },
  },
  [CC.Certify]: {
    handles: ['objectHandle', 'signHandle'],
    request: (w) => {
      w.sized('qualifyingData')
      scheme('inScheme.scheme', 'inScheme.hashAlg')(w)
    },
    response: (w) => {
      w.sized('certifyInfo')
      signature(w)
    },
  },
  [CC.VerifySignature]: {
    handles: ['keyHandle'],
    request: (w) => {
      w.sized('digest')
      signature(w)
    },
    response: ticket('validation'),
  },
  [CC.MakeCredential]: {
    handles: ['handle'],
    request: allSized('credential', 'objectName'),
    response: allSized('credentialBlob', 'secret'),
  },
  [CC.ActivateCredential]: {
    handles: ['activateHandle', 'keyHandle'],
    request: allSized('credentialBlob', 'secret'),
    response: (w) => w.sized('certInfo'),
  },
  [CC.ContextSave]: { handles: ['saveHandle'], response: context },
  [CC.ContextLoad]: { request: context, responseHandle: 'loadedHandle' },
}
