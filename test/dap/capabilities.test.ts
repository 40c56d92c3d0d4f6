/** The table of requests in CONTRIBUTING.md is that of the handlers. */
import { readFileSync, writeFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { requestHandlers } from '../../debug-adapter/adapter/requests/index.ts'

const path = new URL('../../CONTRIBUTING.md', import.meta.url)
const MARKED = /(<!-- capabilities -->\n)[\s\S]*?(<!-- \/capabilities -->)/

function table(): string {
  const rows = requestHandlers.map(({ command, capabilities = {} }) => {
    const names = Object.entries(capabilities).map(([name, value]) =>
      Array.isArray(value) ? `${name}: ${value.map((one) => one.filter ?? one).join(', ')}` : name,
    )
    return `| ${command} | ${names.join(', ')} |\n`
  })
  return `| request | capabilities |\n| --- | --- |\n${rows.join('')}`
}

it('the documented requests and capabilities are those of the handlers', () => {
  const text = readFileSync(path, 'utf8')
  expect(text).toMatch(MARKED)
  const renewed = text.replace(MARKED, (_, begin: string, end: string) => `${begin}${table()}${end}`)
  if (process.env.UPDATE_GOLDEN) writeFileSync(path, renewed)
  else expect(text).toBe(renewed)
})
