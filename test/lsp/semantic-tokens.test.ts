/** Semantic tokens over the protocol: what is coloured, and what is not because nobody knows it. */
import { describe, expect, it } from 'vitest'
import type { SemanticTokens } from 'vscode-languageserver'
import { serverInWorkspace } from './client.ts'
import { SOURCE } from './rows/dts-rows.ts'
import { changed, GOOD } from './workspace.ts'

const server = serverInWorkspace()
let documents = 0

/** `type text` of each token, in the order of the text. */
async function tokens(text: string, name: string, languageId: string): Promise<string[]> {
  const uri = await server.client.open(`${documents++}${name}`, text, languageId)
  const { data } = await server.client.ask<SemanticTokens>('semanticTokens/full', uri)
  const { tokenTypes } = server.client.initialized.capabilities.semanticTokensProvider!.legend
  const lines = text.split('\n')
  const found: string[] = []
  let [line, character] = [0, 0]
  for (let i = 0; i < data.length; i += 5) {
    const [lines_, characters, length, type] = data.slice(i) as [number, number, number, number]
    character = lines_ === 0 ? character + characters : characters
    line += lines_
    found.push(`${tokenTypes[type]} ${lines[line]!.slice(character, character + length)}`)
  }
  return found
}
const yaml = (text: string) => tokens(text, '.svm.yml', 'svm-blob')
const dts = (text: string) => tokens(text, '.esm.dts', 'esm-dts')

describe('semantic tokens of svm_blob.yml', () => {
  it('are its entries, keys, files that are there, the private key, and the words that make a VM secure', async () => {
    expect(await yaml(GOOD)).toEqual([
      'class origin',
      'property comment',
      'property pubkey',
      'operandFile "keys/origin.pub"',
      'property seckey',
      'privateKey "keys/origin.sec"',
      'class recipient',
      'property comment',
      'property pubkey',
      'operandFile "keys/tpm.pem"',
      'class digest',
      'property args',
      'keyword svm=on',
      'property initramfs',
      'operandFile "inputs/initrd.img"',
      'property kernel',
      'operandFile "inputs/vmlinux"',
      'class file',
      'property name',
      'property path',
      'operandFile "inputs/att-rootd.bin"',
    ])
  })

  it('leave out what is not there and what svm-tool does not know', async () => {
    expect(await yaml(changed('keys/tpm.pem', 'keys/no.pem'))).not.toContain('operandFile "keys/no.pem"')
    expect(await yaml(changed('    args:', '    bootargs:'))).not.toContain('property bootargs')
    expect(await yaml(changed('svm=on', 'svm=onn'))).not.toContain('keyword svm=on')
    expect(await yaml('- origin: [')).toEqual([])
  })
})

describe('semantic tokens of the source of an operand', () => {
  it('are the nodes and properties that an operand has', async () => {
    const found = await dts(SOURCE)
    expect(found).toEqual(
      expect.arrayContaining(['property compatible', 'class lockboxes', 'class lockbox-1', 'property iv']),
    )
    expect(found).toEqual(expect.arrayContaining(['class pubkey-fingerprint', 'property hash', 'property files-fdt']))
    const odd = await dts(SOURCE.replace('lockboxes {', 'lockboxs {').replace('compatible =', 'compatibel ='))
    expect(odd.join()).not.toMatch(/lockbox|compatib/)
  })
})
