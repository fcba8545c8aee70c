/** The number that names no text. */
const NONE = 0

/** Texts by number, each kept once. Those of a file are decoded when they are first asked for. */
export class StringTable {
  readonly #offsets: Uint32Array
  readonly #text: Uint8Array
  readonly #texts: (string | undefined)[]
  readonly #decoder = new TextDecoder('utf-8', {ignoreBOM: true})
  /** All of the text, where each byte is a unit of it; '' where not. */
  #whole: string | undefined
  /** Of those that were asked for or added. */
  #numbers: Map<string, number> | undefined
  #count: number
  #length: number

  /** @param offsets where each begins in the text, and behind the last one */
  constructor(offsets: Uint32Array = Uint32Array.of(0), text: Uint8Array = new Uint8Array(0)) {
    this.#offsets = offsets
    this.#text = text
    this.#count = Math.max(offsets.length - 1, 0)
    this.#length = text.length
    // An array that grows by leaps is a table of hashes to V8.
    this.#texts = new Array(Math.min(this.#count, text.length) + 1)
  }

  /** Of all texts together; of those of a file in bytes. */
  get length(): number {
    return this.#length
  }

  /** null for 0, and for a number that names nothing. */
  at(number: number): string | null {
    if (number === NONE || number > this.#count) return null
    let text = this.#texts[number]
    if (text === undefined) {
      text = this.#decoded(this.#offsets[number - 1] as number, this.#offsets[number] as number)
      this.#texts[number] = text
    }
    return text
  }

  /** A piece of a long text takes a tenth of the time of a text of its own. */
  #decoded(start: number, end: number): string {
    if (this.#whole === undefined) {
      const whole = this.#decoder.decode(this.#text)
      this.#whole = whole.length === this.#text.length ? whole : ''
    }
    return this.#whole === '' ? this.#decoder.decode(this.#text.subarray(start, end)) : this.#whole.slice(start, end)
  }

  /** The number of a text, from now on; 0 for null. */
  numberOf(text: string | null): number {
    if (text === null) return NONE
    const numbers = this.#numberedTexts()
    let number = numbers.get(text)
    if (number === undefined) {
      number = ++this.#count
      numbers.set(text, number)
      this.#texts[number] = text
      this.#length += text.length
    }
    return number
  }

  #numberedTexts(): Map<string, number> {
    if (!this.#numbers) {
      this.#numbers = new Map()
      for (let number = 1; number <= this.#count; number++) this.#numbers.set(this.at(number) as string, number)
    }
    return this.#numbers
  }

  /** As the constructor takes it. */
  parts(): {strings: Uint32Array; text: Uint8Array} {
    const strings = new Uint32Array(this.#count + 1)
    for (let number = 1; number <= this.#count; number++) {
      strings[number] = (strings[number - 1] as number) + Buffer.byteLength(this.at(number) as string)
    }
    const text = Buffer.alloc(strings[this.#count] as number)
    for (let number = 1; number <= this.#count; number++)
      text.write(this.at(number) as string, strings[number - 1] as number)
    return {strings, text}
  }
}
