import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fixtures } from './esm-tool.ts'
import { leaksIn, secretsOfKey } from './secrets.ts'

test('a secret is found however a part of it is written', () => {
  const bytes = Uint8Array.from({ length: 40 }, (_, i) => (i * 89 + 7) & 0xff)
  const secrets = [{ name: 'it', bytes }]
  const part = Buffer.from(bytes.subarray(11, 31))
  for (const written of [
    part.toString('hex'),
    `a${part.toString('hex').toUpperCase()}b`,
    `[${part.join(',')}]`,
    part.join(', '),
    part.toString('latin1'),
    ...[0, 1, 2].map((before) => Buffer.concat([Buffer.alloc(before), part]).toString('base64')),
    part.toString('base64').replace(/(.{8})/g, '$1\n'),
  ])
    expect(leaksIn(`x ${written} y`, secrets), written).toEqual(['it'])
  expect(leaksIn(Buffer.from(bytes.subarray(11, 26)).toString('hex'), secrets)).toEqual([])
  const pem = readFileSync(join(fixtures, 'keys/origin.sec'), 'utf8')
  const key = secretsOfKey('keys/origin.sec')
  expect(leaksIn(pem, key)).toHaveLength(3)
  expect(leaksIn(readFileSync(join(fixtures, 'keys/origin.pub'), 'utf8'), key)).toEqual([])
})
