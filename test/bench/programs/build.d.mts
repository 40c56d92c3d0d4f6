/** Programs, with what they are compiled for. */
export const PROGRAMS: Readonly<Record<string, string>>
export function hasCompiler(): boolean
export function compile(name: string, folder: string, system: boolean): string
