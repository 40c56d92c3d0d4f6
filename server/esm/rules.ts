/**
 * Every diagnostic about an ESM operand, its image, its YAML and its machine: spec/esm-operand.md §12. The ids are stable for
 * ever. The same rule is a diagnostic in the editor, a reason of UV_ESM in the debugger and a field in the log.
 */

/**
 * E: UV_ESM refuses, or the operand cannot be made. X: the real ultravisor may crash or corrupt memory, so UV_ESM refuses.
 * W: boots, but something is lost or another tool refuses. I: information. H: hint.
 */
export type Severity = 'E' | 'X' | 'W' | 'I' | 'H'

/** Where an E or X takes effect: `esm` in UV_ESM, `make` when the operand is made, `use` when an attachment is read. */
export type RuleStage = 'esm' | 'make' | 'use'

export interface Rule {
  readonly id: string
  /** Of the usual case; a finding may be less severe, e.g. an iv of 12 bytes under ESM043. */
  readonly severity: Severity
  readonly stage: RuleStage
  /** What is wrong, one sentence without a full stop. */
  readonly condition: string
  /** What would be right. */
  readonly expected: string
  /** What UV_ESM, or the tool that makes operands, does about it. */
  readonly effect: string
  /** What to do, in the imperative. */
  readonly fix: string
  /** Of the specification. */
  readonly section: string
}

type Row = readonly [severity: Severity, condition: string, expected: string, effect: string, fix: string]

const rebuild = 'make the operand again'
const toolRefuses = 'UV_ESM does not look at it, svm-tool refuses the operand'

const rows: Readonly<Record<string, Row>> = {
  // The container
  ESM001: [
    'E',
    'the operand is not a device tree',
    'the magic number 0xd00dfeed, 4-byte aligned, as its first word',
    'the scan misses the operand, or takes the nested device tree of attachments for it',
    rebuild,
  ],
  ESM002: [
    'E',
    'the operand ends inside its header',
    'a header of 40 bytes',
    'the fields of the header would come from whatever follows',
    rebuild,
  ],
  ESM003: [
    'E',
    'the version of the device tree is not supported',
    'a version of 16 or more that is compatible with 17',
    'libfdt answers -10',
    'write it as version 17, e.g. with dtc -I dtb -O dtb',
  ],
  ESM004: [
    'X',
    'the operand is cut off',
    'all the bytes that totalsize tells',
    'the real ultravisor reads what follows in memory',
    'restore the whole file',
  ],
  ESM005: [
    'W',
    'bytes follow the operand',
    'no bytes behind totalsize',
    'they are ignored',
    'cut the file at totalsize',
  ],
  ESM006: [
    'X',
    'the structure block is not whole inside the operand',
    'a structure block inside the operand, aligned to 4, that ends in an END token',
    'the real ultravisor follows the offsets unchecked',
    rebuild,
  ],
  ESM007: [
    'E',
    'the strings block is not inside the operand',
    'a strings block inside the operand',
    'names of properties do not match and look-ups fail',
    rebuild,
  ],
  ESM008: [
    'X',
    'the reservation map does not end inside the operand',
    'a reservation map that an entry of zeros ends',
    'the real ultravisor walks memory until it meets a zero size',
    rebuild,
  ],
  ESM009: [
    'E',
    'the structure block is broken',
    'well-formed tokens, balanced nodes and an END',
    'libfdt answers -11 or -8',
    rebuild,
  ],
  ESM010: [
    'E',
    'a property has no name',
    'name offsets inside the strings block',
    'the property cannot be found',
    rebuild,
  ],
  ESM011: ['W', 'two sibling nodes have one name', 'each name once', 'the first one is used', 'delete the stale node'],
  ESM012: [
    'W',
    'two properties of a node have one name',
    'each name once',
    'the first one is used',
    'delete one of them',
  ],
  ESM013: [
    'W',
    'a node with a unit address is taken for another',
    'a name without a unit address',
    'libfdt finds name@address where name is wanted; svm-tool refuses the operand',
    'rename the node',
  ],
  ESM014: [
    'W',
    'the root is not marked as an ESM operand',
    'compatible = "ibm,esm" in the root',
    toolRefuses,
    'set compatible to "ibm,esm"',
  ],
  ESM015: [
    'W',
    'the root does not hold what it should',
    'the nodes lockboxes, digest and file, and the property compatible, only',
    toolRefuses,
    'remove what is unknown, add an empty node for what is missing',
  ],
  ESM016: [
    'E',
    'the source of the operand cannot be read',
    'device-tree source that dtc takes, as far as an operand needs it',
    'no operand is made of it',
    'correct the text at this place',
  ],
  // Lockboxes
  ESM020: ['E', 'the operand has no lockboxes', 'the node /lockboxes', 'UV_ESM finds no key', rebuild],
  ESM021: [
    'E',
    'the operand has no lockbox-1',
    'the node /lockboxes/lockbox-1',
    'UV_ESM looks for no other lockbox',
    "make the operand again with the machine's TPM key as the first recipient",
  ],
  ESM022: [
    'E',
    'lockbox-1 is not for this machine',
    "lockbox-1 for the TPM's wrapping key",
    'the TPM cannot open it',
    "make the machine's TPM key the first recipient",
  ],
  ESM023: [
    'E',
    "the lockbox for this machine's TPM is not the first",
    "the TPM's lockbox as lockbox-1",
    'UV_ESM tries lockbox-1 only',
    'put its recipient first and make the operand again',
  ],
  ESM024: [
    'E',
    'lockbox-1 holds no key',
    'the property encrypted-symkey in lockbox-1',
    'UV_ESM finds no key',
    'authorize the recipient again',
  ],
  ESM025: [
    'E',
    'the encrypted key has the wrong size',
    'as many bytes as the modulus of the key that opens it, 256 for a TPM',
    'the TPM answers TPM_RC_SIZE',
    'authorize the recipient again',
  ],
  ESM026: [
    'E',
    'lockbox-1 cannot be opened',
    'the master key under RSA-OAEP with SHA-256, MGF1 with SHA-256 and an empty label',
    'the TPM fails to decrypt it',
    'authorize the recipient again, with SHA-256 and an empty label',
  ],
  ESM027: [
    'E',
    'the master key has the wrong size',
    'a master key of 32 bytes',
    'AES does not take the key; with 16 or 24 bytes the VM boots but cannot open its attachments',
    rebuild,
  ],
  ESM028: [
    'W',
    'the operand has no lockbox for its owner',
    'the node /lockboxes/origin-lockbox',
    `${toolRefuses}; it cannot be extended`,
    rebuild,
  ],
  ESM029: [
    'W',
    'a lockbox has a name that svm-tool does not take',
    'origin-lockbox, or lockbox- and a positive decimal number',
    toolRefuses,
    'rename the lockbox',
  ],
  ESM030: [
    'W',
    'a lockbox is not complete',
    'encrypted-symkey, untrusted-comment, and pubkey-fingerprint with algorithm and hash',
    toolRefuses,
    'add what is missing',
  ],
  ESM031: ['W', 'the algorithm of a fingerprint is not known', 'algorithm "SHA256"', toolRefuses, 'set it to "SHA256"'],
  ESM032: ['W', 'a fingerprint has the wrong size', 'a hash of 32 bytes', 'it can never match', 'compute it again'],
  ESM033: [
    'W',
    'a comment is not one line of text',
    'one line of text that a NUL ends',
    'svm-tool prints rubbish or fails',
    'write the comment again',
  ],
  ESM034: [
    'I',
    'two lockboxes have the same fingerprint',
    'each public key once',
    'the second lockbox is of no use',
    'revoke one of them',
  ],
  ESM035: [
    'W',
    'a lockbox holds something unexpected',
    'encrypted-symkey, untrusted-comment and pubkey-fingerprint, only',
    toolRefuses,
    'remove it',
  ],
  ESM036: [
    'W',
    'a fingerprint belongs to no known key',
    'the SHA-256 of a public-key file',
    'UV_ESM does not look at it; the owner cannot find the lockbox',
    'supply the very file, or authorize the recipient again',
  ],
  // The list of digests
  ESM040: [
    'E',
    'the operand has no list of digests',
    'the node /digest/digests-fdt',
    'UV_ESM has nothing to compare with',
    'make the operand with a digest entry',
  ],
  ESM041: [
    'E',
    'the encrypted list of digests is not complete',
    'the properties algorithm, iv, mac and ciphertext',
    'UV_ESM refuses where one is missing',
    rebuild,
  ],
  ESM042: [
    'W',
    'the algorithm of the list of digests is not known',
    'algorithm "AES256-GCM"',
    'UV_ESM does not compare it',
    'set it to "AES256-GCM"',
  ],
  ESM043: [
    'E',
    'the iv of the list of digests has an unusual size',
    'an iv of 16 bytes',
    'an empty one is refused, other sizes work',
    'seal the list again',
  ],
  ESM044: [
    'E',
    'the mac of the list of digests has an unusual size',
    'a mac of 16 bytes',
    'less than 4 or more than 16 are refused; a short tag protects less',
    'seal the list again',
  ],
  ESM045: [
    'E',
    'the list of digests does not match its tag',
    'the ciphertext, iv and mac that were made together under the master key, without additional data',
    'AES-GCM fails (-18)',
    'seal the list again',
  ],
  ESM046: [
    'W',
    'the list of digests is larger than its buffer',
    'at most 4096 bytes',
    'over 61440 bytes the real ultravisor writes behind the page',
    'remove what is not needed from the list',
  ],
  ESM047: [
    'X',
    'the list of digests is larger than its length field',
    'less than 65536 bytes',
    'the real ultravisor takes the length modulo 65536',
    'remove what is not needed from the list',
  ],
  ESM048: [
    'X',
    'the list of digests is not a device tree',
    'a device tree as the plaintext',
    'the real ultravisor prints its header unchecked, and crashes',
    rebuild,
  ],
  ESM049: ['E', 'the list has no digests', 'the node /digests in the plaintext', 'the look-up fails', rebuild],
  ESM050: [
    'E',
    'a digest is missing',
    'rtas, kernel, kernel-size, initrd and bootargs',
    'UV_ESM stops at the first that is missing',
    rebuild,
  ],
  ESM051: [
    'E',
    'a digest has the wrong size',
    'a SHA-512 of 64 bytes',
    'the real ultravisor compares 64 bytes whatever the size',
    rebuild,
  ],
  ESM052: [
    'X',
    'kernel-size is not a size',
    'one cell above 0',
    'the real ultravisor stops on an assertion; 0 hashes nothing',
    rebuild,
  ],
  ESM053: [
    'E',
    'the RTAS code is not the one that the operand expects',
    'the digest of the RTAS code',
    '"Failed RTAS hash validation"',
    'make the operand with a current tool, boot with the firmware that it knows',
  ],
  ESM054: [
    'E',
    'the kernel is not the one that the operand expects',
    'the digest of the kernel',
    '"Failed kernel hash validation"',
    'make the operand again after every change of the kernel',
  ],
  ESM055: [
    'E',
    'kernel-size is not the size of the kernel',
    'the size of the flat image',
    'other bytes are hashed',
    rebuild,
  ],
  ESM056: [
    'E',
    'the initrd is not the one that the operand expects',
    'the digest of the initrd behind the archive',
    '"Failed initrd hash validation"',
    'make the operand again; look at padding and load address',
  ],
  ESM057: [
    'E',
    'the boot arguments are not the ones that the operand expects',
    'the digest of the boot arguments',
    '"Failed kernel command line hash validation"',
    'copy the command line exactly',
  ],
  ESM058: [
    'H',
    'the boot arguments have unusual white space',
    'single spaces between the arguments',
    'they are hashed as they are; launchers often trim',
    'normalise both sides',
  ],
  ESM059: [
    'W',
    'the boot arguments do not ask for a secure VM',
    'svm=on',
    'the guest kernel never calls UV_ESM',
    'append svm=on',
  ],
  // Attachments
  ESM060: [
    'I',
    'nothing is attached',
    'the property files-fdt in /file',
    'the VM boots, every UV_ESMB_GET_FILE fails',
    'attach a file, or ignore this',
  ],
  ESM061: [
    'X',
    'the attachments are larger than their page',
    'a nested device tree of at most 65536 bytes',
    'the real ultravisor writes behind the page, and the attachments are lost',
    'attach less',
  ],
  ESM062: [
    'X',
    'the attachments are not a device tree',
    'a device tree in files-fdt',
    'the real ultravisor prints its header unchecked; attachments cannot be read',
    rebuild,
  ],
  ESM063: [
    'W',
    'an attachment has an unusual name',
    '1 to 31 of the characters [A-Za-z][0-9A-Za-z,._+-]',
    'svm-tool refuses it; over 64 bytes no ultracall can name it',
    'rename the attachment',
  ],
  ESM064: [
    'W',
    'two attachments have one name',
    'each name once',
    'the first one is read; svm-tool fails with FDT_ERR_EXISTS',
    'rename one of them',
  ],
  ESM065: [
    'W',
    'an attachment is not complete',
    'the properties algorithm, iv, mac and ciphertext',
    'UV_ESMB_GET_FILE of it answers -4',
    'attach it again',
  ],
  ESM066: [
    'W',
    'an attachment does not match its tag',
    'the ciphertext, iv and mac that were made together under the master key',
    'UV_ESMB_GET_FILE of it answers -4',
    'attach it again',
  ],
  ESM067: [
    'X',
    'an attachment is too large',
    'less than 65536 bytes',
    'it does not fit into the page; an offset of 65536 stops the real ultravisor',
    'split it',
  ],
  ESM068: [
    'H',
    'a comment looks like a secret',
    'comments that everybody may read',
    'comments are stored in clear',
    'reword the comment',
  ],
  // Image and guest
  ESM070: [
    'E',
    'no operand is in front of the initrd',
    'a cpio header (070701) at the start of the initrd',
    'UV_ESM finds no operand',
    'put the operand in front with svm-tool svm add',
  ],
  ESM071: [
    'E',
    'the archive has the wrong format',
    'cpio newc, magic 070701',
    'UV_ESM finds no operand',
    'write it with cpio -H newc',
  ],
  ESM072: [
    'E',
    'the operand lies in the wrong folder of the archive',
    'a name that begins with opt/ibm/pef/',
    'UV_ESM finds no operand unless the name begins with opt/ibm/pef',
    'use GNU cpio, or strip ./',
  ],
  ESM073: [
    'E',
    'another file comes before the operand',
    'the operand as the first file that is not empty',
    'UV_ESM finds no operand',
    'make two archives, the operand in the first',
  ],
  ESM074: [
    'E',
    'the archive does not end',
    'an entry TRAILER!!! with a name size of 11',
    'the archive is hashed as initrd',
    'make the archive again',
  ],
  ESM075: [
    'E',
    'the archived file holds no operand',
    'the operand at a multiple of 4 in its file',
    'the scan misses it; a size that is no multiple of 4 lets it run on through memory',
    'store the bare operand',
  ],
  ESM076: [
    'E',
    'the archive is not padded',
    'zeros to a multiple of 512 behind the trailer',
    'the start of the initrd is lost',
    'pad the archive to 512',
  ],
  ESM077: [
    'E',
    'the initrd is at an unusual address',
    'a load address that is a multiple of 512',
    'UV_ESM rounds addresses, and misses headers or the start of the initrd',
    'load at multiples of 64 KiB',
  ],
  ESM078: [
    'E',
    'there are two operands',
    'an operand either by property or in the initrd',
    'the property wins, and the archive is hashed as initrd',
    'keep one',
  ],
  ESM079: [
    'W',
    'the operand is in a zImage',
    'an operand in front of the initrd',
    'it works with a plain initrd only, and is documented as unsupported',
    'use an initrd with the operand in front',
  ],
  ESM080: [
    'E',
    'the guest has no initrd',
    'linux,initrd-start below linux,initrd-end in /chosen',
    'UV_ESM refuses',
    'boot with an initrd',
  ],
  ESM081: [
    'E',
    'the boot arguments of the guest are not one string',
    'bootargs in /chosen with exactly one NUL, at its end',
    'UV_ESM refuses where they are missing; else it drops the last byte and hashes the rest',
    'write them with one NUL',
  ],
  ESM082: [
    'E',
    'the device tree of the guest does not describe RTAS',
    'linux,rtas-base, rtas-size and slof,rtas-size in /rtas',
    'UV_ESM refuses',
    'boot with firmware that sets them',
  ],
  ESM083: [
    'X',
    'the archive crosses a 2 MiB boundary',
    'the whole archive inside 2 MiB of guest memory',
    'the real ultravisor reads it through one pointer, and pages need not be contiguous',
    'place the initrd elsewhere, or attach less',
  ],
  ESM084: [
    'W',
    'the image holds another operand than the file beside it',
    'the same operand in both',
    'the stale one boots, with old keys',
    'run svm-tool svm add again',
  ],
  // svm_blob.yml
  ESM100: [
    'E',
    'the file is not YAML',
    'YAML 1.1, indented with spaces, without tags of its own',
    'svm-tool fails',
    'indent with spaces; quote',
  ],
  ESM101: [
    'E',
    'the file is not a list',
    'a list of entries',
    'svm-tool: "invalid format"',
    'prefix each entry with "- "',
  ],
  ESM102: [
    'E',
    'an entry is not one key with its values',
    'exactly one of origin, recipient, digest and file',
    'svm-tool: "invalid format"',
    'split the entry, or indent its values',
  ],
  ESM103: [
    'E',
    'an entry has an unknown kind',
    'origin, recipient, digest or file',
    'svm-tool: "unknown entry"',
    'write one of the four kinds',
  ],
  ESM104: [
    'E',
    'there is no origin',
    'one origin entry',
    'svm-tool: "missing origin entry"',
    'add an origin with pubkey and seckey',
  ],
  ESM105: [
    'E',
    'there is more than one origin',
    'one origin entry',
    'svm-tool: "multiple origin entries"',
    'make the others recipients',
  ],
  ESM106: ['E', 'an entry has an unknown key', 'the keys of its kind', 'svm-tool: "unexpected key"', 'rename the key'],
  ESM107: ['E', 'an entry lacks a key', 'every required key of its kind', 'svm-tool: "missing key"', 'add the key'],
  ESM108: [
    'E',
    'a value has the wrong type',
    'text',
    'svm-tool fails with a TypeError or AttributeError',
    'quote the value',
  ],
  ESM109: [
    'E',
    'a comment has more than one line',
    'one line',
    'svm-tool: "comment cannot contain a newline"',
    'write it on one line',
  ],
  ESM110: [
    'E',
    'a file does not exist',
    'a path relative to the folder that svm-tool runs in',
    'svm-tool: "No such file or directory"',
    'correct the path',
  ],
  ESM111: [
    'E',
    'a file is not an RSA key',
    'an RSA key in PEM or DER',
    'svm-tool: "RSA key format is not supported"',
    'choose the right file',
  ],
  ESM112: [
    'E',
    'the public key of the origin is a private key',
    'a public key',
    'svm-tool: "Is a private key"',
    'swap pubkey and seckey',
  ],
  ESM113: [
    'W',
    'the public key of a recipient is a private key',
    'a public key',
    'svm-tool accepts it, and a private key is handed around',
    'extract the public half',
  ],
  ESM114: [
    'E',
    'the two keys of the origin are not a pair',
    'the public half of seckey in pubkey',
    'svm-tool: "Not an authorized key"',
    'pair them',
  ],
  ESM115: [
    'E',
    'the public key of the origin is not in the canonical form',
    'the bytes that openssl pkey -pubout writes',
    'svm-tool: "Not an authorized key"',
    'export it again with openssl pkey -pubout',
  ],
  ESM116: [
    'E',
    'a public key is authorized twice',
    'each public-key file once',
    'svm-tool: "already authorized"',
    'remove one',
  ],
  ESM117: [
    'E',
    'there is neither a recipient nor a file',
    'at least one recipient',
    'svm-tool ends with success, ignores the digest, and the operand cannot boot',
    "add the machine's TPM key as a recipient",
  ],
  ESM118: [
    'E',
    'there is no digest',
    'one digest entry',
    'svm-tool: "missing digest entry", and a part of the operand is written',
    'add a digest with args, initramfs and kernel',
  ],
  ESM119: ['E', 'there is more than one digest', 'one digest entry', 'svm-tool: "multiple digest entries"', 'keep one'],
  ESM120: [
    'E',
    'the kernel is not an ELF file',
    'vmlinux, an ELF file for ppc64',
    'objcopy fails',
    'name vmlinux, not a zImage or a compressed kernel',
  ],
  ESM121: [
    'W',
    'the initramfs already holds an operand',
    'the plain initramfs',
    'the inner archive is hashed as initrd',
    'use the original initramfs',
  ],
  ESM122: [
    'W',
    'args ends in a newline',
    'the command line without a newline',
    'the digest will not match',
    'use >- or |- or quotes',
  ],
  ESM123: [
    'W',
    'args is plain text with " #" or ": "',
    'a quoted string',
    'YAML cuts the text or reads a mapping',
    'quote it',
  ],
  ESM124: [
    'E',
    'the name of an attachment is not valid',
    '1 to 31 of the characters [A-Za-z][0-9A-Za-z,._+-]',
    'svm-tool: "file name is invalid"',
    'add a valid name',
  ],
  ESM125: ['W', 'a key occurs twice', 'each key once', 'the last one is used', 'remove one'],
  ESM126: ['I', 'the secret key is encrypted', 'a pass phrase at hand', 'svm-tool asks for it once', 'nothing'],
  ESM127: [
    'E',
    'svm-tool finds no objcopy for ppc64 on this host',
    'CROSS_COMPILE in the environment',
    'svm-tool fails with a KeyError',
    'set it, e.g. to powerpc64le-linux-gnu-',
  ],
  ESM128: ['E', 'there is more than one YAML document', 'one document', 'svm-tool fails', 'keep one'],
  ESM129: [
    'W',
    'the first recipient is not the machine that is to boot',
    "the machine's TPM key as the first recipient",
    'UV_ESM tries lockbox-1 only',
    'move it up',
  ],
  // The machine
  ESM130: [
    'E',
    'the firmware does not describe the wrapping key',
    'all five wrapping-key properties in the private device tree',
    'UV_ESM cannot reach the key',
    'provision the key in OPAL',
  ],
  ESM131: [
    'E',
    'the TPM does not know the handle of the wrapping key',
    'a handle that the TPM has',
    'TPM2_ReadPublic fails',
    'provision the key',
  ],
  ESM132: [
    'E',
    'the wrapping key is not the expected one',
    'a key with the Name that the firmware tells',
    'UV_ESM refuses',
    'provision the key again',
  ],
  ESM133: [
    'E',
    'the password of the wrapping key is wrong',
    'the authorization value of the key',
    'TPM2_RSA_Decrypt answers TPM_RC_BAD_AUTH',
    'rotate it through OPAL',
  ],
  ESM134: [
    'E',
    'the policy of the wrapping key is not met',
    'the two policy digests that the key was made with',
    'TPM2_PolicyOR or TPM2_RSA_Decrypt fails',
    'restore the constants',
  ],
  ESM135: [
    'E',
    'the hypervisor does not carry TPM commands',
    'H_SUCCESS from H_TPM_COMM',
    'the TPM cannot be reached',
    'give the VM a TPM proxy',
  ],
  ESM136: [
    'E',
    'PCR 16 is not zero when the firmware starts',
    'PCR 16 zero',
    'the password cannot be rotated',
    'reset PCR 16',
  ],
  ESM137: [
    'W',
    'the ultravisor only warns',
    'an ultravisor built without ESM_BLOB_CHK_WARN_ONLY',
    'failed checks do not stop the transition',
    'build it strict',
  ],
  // Around the YAML: what no tool looks at
  ESM140: [
    'W',
    'others can read the private key',
    'a private key that its owner alone can read (mode 0600)',
    'whoever reads it can open the operand and everything that is attached to it',
    'take the rights of group and others away (chmod 600)',
  ],
  ESM141: [
    'W',
    'the initrd holds a private key',
    'no private key in the initrd: it is hashed, not encrypted',
    'the host, and whoever gets the image, can read the key',
    'attach the key as a file of the operand, and take it out of the initrd',
  ],
}

const sections: readonly (readonly [below: number, section: string])[] = [
  [20, '12.1'],
  [40, '12.2'],
  [60, '12.3'],
  [70, '12.4'],
  [100, '12.5'],
  [130, '12.6'],
  [140, '12.7'],
  [Number.POSITIVE_INFINITY, '12.6'],
]

/** These are about attachments only: UV_ESM goes on, reading them fails. */
const usedLater = new Set(['ESM061', 'ESM063', 'ESM064', 'ESM065', 'ESM066', 'ESM067'])

/** These are about a text that an operand is made of. */
const madeOfText = new Set(['ESM016'])

function toRule(id: string, [severity, condition, expected, effect, fix]: Row): Rule {
  const number = Number(id.slice(3))
  const section = sections.find(([below]) => number < below)![1]
  const stage = usedLater.has(id) ? 'use' : section === '12.6' || madeOfText.has(id) ? 'make' : 'esm'
  return { id, severity, stage, condition, expected, effect, fix, section: `spec/esm-operand.md §${section}` }
}

/** All rules, by id. */
export const RULES: ReadonlyMap<string, Rule> = new Map(Object.entries(rows).map(([id, row]) => [id, toRule(id, row)]))

const madeNot = 'is never called: no operand is made'
const looksNot = 'does not look at it, and goes on'

/** What UV_ESM does, where stage and severity do not say it. */
const verdicts: Readonly<Record<string, string>> = {
  ESM058: 'hashes them as they are, and refuses (ESM057) where both sides differ',
  ESM059: 'is never called: the VM stays a normal one',
  ESM068: looksNot,
  ESM113: looksNot,
  ESM117: 'refuses an operand without a lockbox for a machine (ESM021)',
  ESM121: 'uses the operand in front, hashes the inner archive as a part of the initrd, and goes on',
  ESM122: 'refuses (ESM057), unless the command line of the VM has the newline too',
  ESM123: 'refuses (ESM057), unless the command line of the VM is cut off at the same place',
  ESM125: 'gets what the last of them says',
  ESM126: looksNot,
  ESM127: `${madeNot} by svm-tool on this host`,
  ESM129: 'refuses on that machine (ESM022, ESM026): the TPM does not open lockbox-1',
  ESM136: 'refuses (ESM130), for the ultravisor gets no key',
  ESM140: looksNot,
  ESM141: looksNot,
}

/**
 * What UV_ESM does where a rule is met: the rest of a sentence that it begins.
 * @param severity of the finding, which may be milder than the rule's
 */
export function verdictOf(id: string, severity: Severity): string {
  const { stage } = ruleOf(id)
  const isWrong = severity === 'E' || severity === 'X'
  const told = verdicts[id]
  if (told !== undefined) return told
  if (stage === 'use') return 'goes on, and the secure VM cannot read what is attached'
  if (stage === 'make' && isWrong) return madeNot
  return isWrong ? 'refuses with U_PARAMETER (-4), and the VM stays a normal one' : 'goes on'
}

/** @throws RangeError for an id that there is no rule for: a mistake of the program */
export function ruleOf(id: string): Rule {
  const rule = RULES.get(id)
  if (!rule) throw new RangeError(`there is no rule ${id}`)
  return rule
}

/** What is wrong where the rule fires, one sentence without a full stop. */
export function ruleSentence(id: string): string {
  return ruleOf(id).condition
}
