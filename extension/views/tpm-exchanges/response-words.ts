/** Response codes of a TPM 2.0 in words (TPM 2.0 Part 2 §6.6). */

/** Format zero: the code alone. */
const FORMAT_ZERO: Readonly<Record<number, string>> = {
  0: 'success',
  30: 'the tag is no valid tag: a TPM 1.2 command?',
  256: 'TPM2_Startup has to come first',
  257: 'the TPM is in failure mode',
  259: 'the use of a sequence handle is wrong',
  288: 'the command is disabled',
  292: 'the key does not fit the requested authorization',
  293: 'an authorization is missing for a handle that needs one',
  294: 'the policy is not as the object or command requires it',
  295: 'the PCR cannot be used so',
  296: 'PCRs have changed since the policy was checked',
  301: 'the TPM has to be upgraded before other commands',
  302: 'there are too many contexts',
  303: 'the authorization value or policy is not available for that entity',
  304: 'a reboot is needed before the TPM works on',
  305: 'algorithms of symmetric key and hash are out of balance',
  322: 'the size of the command is not the size of what came',
  323: 'there is no such command',
  324: 'the size of the authorization area is wrong',
  325: 'a session or an authorization came with a command that takes none',
  326: 'NV offset and size are outside of the index',
  327: 'the NV index is too large',
  328: 'the NV index is locked',
  329: 'the NV index may not be accessed so',
  330: 'the NV index was never written',
  331: 'there is no more NV space',
  332: 'the NV index is there already',
  336: 'the saved context cannot be loaded',
  337: 'cpHash is set already or is not that of this command',
  338: 'the handle for a parent is no parent',
  339: 'this function needs a test first',
  340: 'the operation led to no result, as a decryption with the wrong key or padding',
  341: 'the sensitive area has a wrong format',
}

/** Format zero warnings. */
const WARNINGS: Readonly<Record<number, string>> = {
  2305: 'the gap between saved contexts is too large',
  2306: 'no memory for another object',
  2307: 'no memory for another session',
  2308: 'no memory',
  2309: 'no more session handles',
  2310: 'no more object handles',
  2311: 'the locality is wrong',
  2312: 'the TPM has suspended the command: send it again',
  2313: 'the command was cancelled',
  2314: 'a self-test is running',
  2336: 'NV is accessed too often',
  2337: 'authorizations are locked out by the dictionary attack protection',
  2338: 'the TPM could not begin: send it again',
  2339: 'NV is not available now',
}

/** Format one: somebody is to blame, a parameter, a session or a handle. */
const FORMAT_ONE: Readonly<Record<number, string>> = {
  1: 'is an algorithm that is not supported or wrong here',
  2: 'has wrong attributes',
  3: 'is no hash algorithm, or the wrong one',
  4: 'is out of range or wrong here',
  5: 'is no hierarchy, or one that is not enabled',
  7: 'is a key size that is not supported',
  8: 'is no mask generation function',
  9: 'is a mode of operation that is not supported',
  10: 'is of the wrong type',
  11: 'is no right handle',
  12: 'is no key derivation function',
  13: 'is out of range',
  14: 'has a wrong authorization; the dictionary attack protection counts it',
  15: 'is a nonce of the wrong size or value',
  16: 'needs a physical presence',
  18: 'is a scheme that is not supported or wrong here',
  21: 'has a wrong size',
  22: 'is a symmetric algorithm that is not supported',
  23: 'has the wrong tag',
  24: 'is a selector that is wrong',
  26: 'ends too early',
  27: 'has a signature that is not valid',
  28: 'is a key that is not right for this use',
  29: 'fails its policy: what was asserted is not what the object requires',
  31: 'fails the integrity check: it was changed or belongs to another TPM',
  32: 'is a ticket that is not valid',
  33: 'has reserved bits that are not zero',
  34: 'has a wrong authorization; the dictionary attack protection does not count it',
  35: 'has expired',
  36: 'is a policy for another command',
  37: 'has a public and a sensitive part that do not belong together',
  38: 'is no curve that is supported',
  39: 'is no point of the curve',
}

/** What a response code says, in words: who is to blame, and for what. */
export function responseWords(code: number): string {
  if ((code & 0x80) === 0) return FORMAT_ZERO[code] ?? WARNINGS[code] ?? `response code 0x${code.toString(16)}`
  const what = FORMAT_ONE[code & 0x3f]
  return `${toBlame(code)} ${what ?? `is refused with error 0x${(code & 0x3f).toString(16)}`}`
}

/** Bit 6: a parameter; else bit 11: a session; else a handle. The number counts from 1. */
function toBlame(code: number): string {
  const number = (code >> 8) & 0xf
  if ((code & 0x40) !== 0) return number === 0 ? 'a parameter' : `parameter ${number}`
  if (number === 0) return 'something'
  return number >= 8 ? `session ${number - 8}` : `handle ${number}`
}
