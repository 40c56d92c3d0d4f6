/** The check of a launch configuration before anything starts. */
import { describe, expect, it } from 'vitest'
import { launchProblem, type Stat } from '../../extension/launch/check.ts'

const there: Stat = async (path) => (path.endsWith('/') ? 'directory' : path.includes('missing') ? undefined : 'file')

describe('launchProblem', () => {
  it('is none where all can be used', async () => {
    const attributes = { name: 'x', type: 'pef', request: 'launch', kernel: 'k', initrd: 'i', tpm: { key: 'p' } }
    expect(await launchProblem(attributes, there)).toBeUndefined()
  })

  it.each([
    ['kernel', { kernel: 'missing' }, 'there is no such file'],
    ['kernel', { kernel: 'folder/' }, 'it is a directory'],
    ['initrd', { kernel: 'k', initrd: 'missing' }, 'there is no such file'],
    ['operand', { kernel: 'k', operand: 'missing.yml' }, 'svm_blob.yml'],
    ['tpm.key', { kernel: 'k', tpm: { key: 'missing.pem' } }, 'RSA-2048'],
    ['symbols', { kernel: 'k', symbols: ['a', 'missing'] }, 'System.map'],
    ['memory', { kernel: 'k', memory: '65M' }, 'multiple of 2M'],
    ['kernel', {}, 'ELF file'],
  ])('names %s for %j', async (attribute, attributes, text) => {
    const problem = await launchProblem(attributes, there)
    expect(problem?.attribute).toBe(attribute)
    expect(problem?.message).toContain(`"${attribute}"`)
    expect(problem?.message).toContain(text)
  })

  it('throws what is no attribute error', async () => {
    const broken: Stat = async () => {
      throw new Error('the disk is gone')
    }
    await expect(launchProblem({ kernel: 'k' }, broken)).rejects.toThrow('the disk is gone')
  })
})
