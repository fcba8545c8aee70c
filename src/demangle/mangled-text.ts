/** A name that is not what its beginning promised, or that is beyond our bounds. It stays as the linker knows it. */
export class MangledNameError extends Error {}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39
}

/** The characters of a mangled name, front to back. */
export class MangledText {
  readonly #text: string
  #at: number

  constructor(mangled: string, start: number) {
    this.#text = mangled
    this.#at = start
  }

  get atEnd(): boolean {
    return this.#at >= this.#text.length
  }

  peek(offset = 0): string {
    return this.#text[this.#at + offset] ?? ''
  }

  peekTwo(): string {
    return this.#text.slice(this.#at, this.#at + 2)
  }

  /** Passes by `expected` if it is next. */
  accept(expected: string): boolean {
    if (!this.#text.startsWith(expected, this.#at)) return false
    this.#at += expected.length
    return true
  }

  expect(expected: string): void {
    if (!this.accept(expected)) throw new MangledNameError(`no ${expected}`)
  }

  /** Onward, or back over what `next` or `skip` passed. */
  skip(count: number): void {
    this.#at += count
  }

  next(): string {
    if (this.atEnd) throw new MangledNameError('ends early')
    return this.#text[this.#at++] as string
  }

  /** Decimal digits; an empty string where there are none. */
  digits(): string {
    const start = this.#at
    while (isDigit(this.#text.charCodeAt(this.#at))) this.#at++
    return this.#text.slice(start, this.#at)
  }

  number(): number {
    const digits = this.digits()
    if (digits === '' || digits.length > 9) throw new MangledNameError('no number')
    return Number(digits)
  }

  /** Text up to `end`, which is passed by. */
  until(end: string): string {
    const stop = this.#text.indexOf(end, this.#at)
    if (stop < 0) throw new MangledNameError(`no ${end}`)
    const found = this.#text.slice(this.#at, stop)
    this.#at = stop + end.length
    return found
  }

  /** `<length> <characters>`. */
  sourceText(): string {
    const length = this.number()
    const found = this.#text.slice(this.#at, this.#at + length)
    if (found.length < length || length === 0) throw new MangledNameError('name ends early')
    this.#at += length
    return found
  }

  /** Suffixes that compilers add to copies of a function: `.constprop.0`, `.cold`. */
  cloneSuffixes(): string {
    let clones = ''
    for (;;) {
      const match = /^\.(?:[a-z_]+|\d+)(?:\.\d+)*/.exec(this.#text.slice(this.#at))
      if (!match) return clones
      clones += ` [clone ${match[0]}]`
      this.#at += match[0].length
    }
  }
}

/**
 * What stands behind a Rust name: LLVM's own suffixes are noise, those of clones are shown as GNU's tools show them.
 */
export function cloneMark(suffix: string): string {
  if (suffix === '' || suffix.startsWith('.llvm.')) return ''
  if (!/^(?:\.[A-Za-z0-9_]+)+$/.test(suffix)) throw new MangledNameError('goes on')
  return ` [clone ${suffix}]`
}

/** Control characters and halves of surrogate pairs: no name shows them raw. */
export function isControl(point: number): boolean {
  return point < 0x20 || (point >= 0x7f && point < 0xa0) || (point >= 0xd800 && point < 0xe000)
}
