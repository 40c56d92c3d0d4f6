/** Text of the VM's console for a terminal, which goes to the beginning of a line by a carriage return only. */
export class ConsoleText {
  #afterReturn = false

  /** Puts a carriage return before each line feed that has none, also where the two come in two pieces. */
  forTerminal(text: string): string {
    let out = ''
    for (const character of text) {
      out += character === '\n' && !this.#afterReturn ? '\r\n' : character
      this.#afterReturn = character === '\r'
    }
    return out
  }
}
