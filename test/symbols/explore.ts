import type { DebugInfo } from '../../debug-adapter/symbols/dwarf/debug-info.ts'
import { sizeOf, strip, typeName } from '../../debug-adapter/symbols/dwarf/types.ts'

/** Asks for everything that the debugger would ask for of a small program at 0x400000: damage must not be an exception. */
export function explore(info: DebugInfo): void {
  for (let pc = 0x400000n; pc < 0x400300n; pc += 12n) {
    info.callFrames.rulesAt(pc)
    for (const activation of info.activationsAt(pc))
      for (const variable of info.variablesOf(activation)) {
        info.placeOf(variable, {
          pc,
          delta: 0n,
          register: () => 0x1000n,
          read: () => 8n,
          cfa: () => 0x2000n,
        })
        describeType(info, variable.die)
      }
  }
  for (const name of ['first', 'numbers', 'sign']) {
    const die = info.find('plain', name)
    if (die) describeType(info, die)
  }
}

function describeType(info: DebugInfo, die: Parameters<DebugInfo['typeOf']>[0]): void {
  const type = info.typeOf(die)
  if (!type) return
  info.attempt(() => typeName(type))
  info.attempt(() => sizeOf(type))
  info.attempt(() => {
    const bare = strip(type)
    if (bare.kind === 'struct') for (const member of bare.members.slice(0, 50)) typeName(member.type)
  })
}
