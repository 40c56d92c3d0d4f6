/** Removals that make no difference to anybody, and why. One that is noticed, or gone from the source, is an error. */
export const equivalent = {}
