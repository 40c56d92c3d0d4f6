export interface Verdict {}
export const expectVerdict = () => {}
