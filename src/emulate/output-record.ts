const OUTPUT_MAX = 1024

/** What a call did that had no effect: what it printed, and what was refused to it. */
export class OutputRecord {
  #text = ''
  readonly #refused = new Map<string, number>()
  #refusals = 0

  /** @returns its length, as printf says it */
  write(text: string): number {
    if (this.#text.length < OUTPUT_MAX) this.#text = (this.#text + text).slice(0, OUTPUT_MAX)
    return text.length
  }

  refuse(what: string): void {
    this.#refusals++
    this.#refused.set(what, (this.#refused.get(what) ?? 0) + 1)
  }

  /** How often anything was refused so far. */
  get refusals(): number {
    return this.#refusals
  }

  /** As much as is kept since it was last asked, in Latin-1. */
  takeText(): string {
    const text = this.#text
    this.#text = ''
    return text
  }

  /** What was refused since it was last asked, how often. */
  takeRefused(): ReadonlyMap<string, number> {
    const refused = new Map(this.#refused)
    this.#refused.clear()
    return refused
  }
}
