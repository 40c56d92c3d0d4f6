import { expect, it, vi } from 'vitest'

vi.mock('vscode', () => ({ StatusBarAlignment: { Left: 1 } }))
const { placeIn, placeText } = await import('../../extension/time-travel/commands.ts')

it('takes a place in the run as people write numbers', () => {
  expect(placeIn('1,234,567', 2_000_000)).toBe(1_234_567)
  expect(placeIn(' 12 000 ', 12_000)).toBe(12_000)
  expect(placeIn('12001', 12_000)).toBeUndefined()
  expect(placeIn('-1', 10)).toBeUndefined()
  expect(placeIn('ten', 10)).toBeUndefined()
})

it('says where it is, and how much is known', () => {
  const rest = { first: 0, happened: 0, total: 0, checkpoints: [] }
  expect(placeText({ instruction: 1000, end: 25_000, ...rest })).toBe('$(history) 1,000 of 25,000')
  expect(placeText({ instruction: 25_000, end: 25_000, ...rest })).toContain('25,000')
})
