/** Members of structs by name, also those of structs without a name inside of them. */
import { type Member, type StructType, strip } from '../symbols/dwarf/types.ts'

/** The way to a member, through members without a name. */
export function memberPath(struct: StructType, name: string, depth = 0): Member[] | undefined {
  const direct = struct.members.find((member) => member.name === name)
  if (direct) return [direct]
  for (const member of depth < 8 ? struct.members : []) {
    const inner = member.name === undefined ? strip(member.type) : undefined
    const rest = inner?.kind === 'struct' ? memberPath(inner, name, depth + 1) : undefined
    if (rest) return [member, ...rest]
  }
  return undefined
}

/** Some of the names, for a message. */
export function memberNames(struct: StructType): string {
  const names = struct.members.flatMap((member) => (member.name === undefined ? [] : [member.name]))
  return names.length > 8 ? `${names.slice(0, 8).join(', ')} and ${names.length - 8} more` : names.join(', ') || 'none'
}
