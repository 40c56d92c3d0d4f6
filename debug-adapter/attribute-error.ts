/** A launch attribute that cannot be used: names it, what was given, what would be accepted, and why where that helps. */
export class AttributeError extends Error {
  /**
   * @param attribute name as in launch.json; a nested one with a dot (`tpm.key`)
   * @param given     the value as it was written, undefined where the attribute is missing
   * @param accepted  what would be right, in words
   * @param reason    what is wrong with it, where the value itself does not show it
   */
  constructor(
    readonly attribute: string,
    readonly given: unknown,
    readonly accepted: string,
    readonly reason?: string,
  ) {
    const what = given === undefined ? 'is missing' : `${JSON.stringify(given)} is not accepted`
    super(`"${attribute}": ${what}${reason ? ` (${reason})` : ''}. Accepted: ${accepted}.`)
    this.name = 'AttributeError'
  }
}
