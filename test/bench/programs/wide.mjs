// Writes the C source of a program without hot spots: hundreds of KiB of functions that are called in turn.
const FUNCTIONS = 1500
let seed = 1
const random = (n) => {
  seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
  return (seed >>> 8) % n
}
const NAMES = ['a', 'b', 'c', 'd']
const statements = [
  (t, u, k) => `${t} += ${u} ^ ${k}u;`,
  (t, u, k) => `${t} = (${t} << ${1 + (k % 30)} | ${t} >> ${64 - (1 + (k % 30))}) - ${u};`,
  (t, u, k) => `if (${u} & ${1 << (k % 12)}) ${t} += table[(${u} + ${k}) & 255]; else ${t} ^= ${k}u;`,
  (t, u, k) => `table[(${t} + ${k}) & 255] = ${u} + ${t};`,
  (t, u, k) => `${t} = ${t} * ${2 * k + 1}u + ${u};`,
  (t, u, k) => `for (int i = 0; i < ${1 + (k % 3)}; i++) ${t} += table[(${u} + i) & 255];`,
]
const lines = ['#include "program.h"', 'static u64 table[256];']
for (let i = 0; i < FUNCTIONS; i++) {
  lines.push(`static __attribute__((noinline)) u64 f${i}(u64 a, u64 b)`, '{', '    u64 c = a ^ b, d = a + b;')
  for (let k = 0; k < 12; k++) {
    const target = NAMES[random(4)]
    lines.push(`    ${statements[random(statements.length)](target, NAMES[random(4)], random(60000))}`)
  }
  lines.push('    return (a ^ c) + (b ^ d);', '}')
}
lines.push('static u64 (*const all[])(u64, u64) = {')
for (let i = 0; i < FUNCTIONS; i++) lines.push(`    f${i},`)
lines.push('};', 'u64 work(void)', '{', '    u64 sum = 1;', '    for (int round = 0; round < 1200; round++)')
lines.push(`        for (int i = 0; i < ${FUNCTIONS}; i++) sum += all[i](sum, i + round);`, '    return sum;', '}')
process.stdout.write(`${lines.join('\n')}\n`)
