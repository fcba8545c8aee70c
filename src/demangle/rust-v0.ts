import {cloneMark, isControl, MangledNameError} from './mangled-text.ts'
import {decodePunycode} from './punycode.ts'

/** The source name of a Rust symbol of the second scheme, without crate hashes. @throws MangledNameError */
export function demangleRustV0(mangled: string): string {
  const reader = new V0Reader(mangled, mangled.indexOf('_R') + 2)
  return reader.symbol() + cloneMark(mangled.slice(reader.position))
}

const BASIC_TYPES: Readonly<Record<string, string>> = {
  a: 'i8',
  b: 'bool',
  c: 'char',
  d: 'f64',
  e: 'str',
  f: 'f32',
  h: 'u8',
  i: 'isize',
  j: 'usize',
  l: 'i32',
  m: 'u32',
  n: 'i128',
  o: 'u128',
  p: '_',
  s: 'i16',
  t: 'u16',
  u: '()',
  v: '...',
  x: 'i64',
  y: 'u64',
  z: '!',
}
const DEPTH_LIMIT = 200
/** Longer is no name but an attack, for each back reference can double the text. */
const TEXT_LIMIT = 32 * 1024
const STEP_LIMIT = 20_000

/** Rust RFC 2603. */
class V0Reader {
  readonly #text: string
  readonly #start: number
  position: number
  #depth = 0
  #steps = 0
  /** Lifetimes bound by enclosing `for<…>`. */
  #lifetimes = 0

  constructor(mangled: string, start: number) {
    this.#text = mangled
    this.#start = start
    this.position = start
  }

  symbol(): string {
    if (/[0-9]/.test(this.#peek())) throw new MangledNameError('unknown version')
    const path = this.#path(true)
    // An instantiating crate may follow; it is not shown.
    if (/[A-Z]/.test(this.#peek())) this.#path(false)
    return path
  }

  #peek(): string {
    return this.#text[this.position] ?? ''
  }

  #next(): string {
    const next = this.#peek()
    if (next === '') throw new MangledNameError('ends early')
    this.position++
    return next
  }

  #accept(expected: string): boolean {
    if (this.#peek() !== expected) return false
    this.position++
    return true
  }

  #nest<T extends string>(read: () => T): T {
    if (++this.#depth > DEPTH_LIMIT || ++this.#steps > STEP_LIMIT) throw new MangledNameError('too deep')
    const value = read()
    if (value.length > TEXT_LIMIT) throw new MangledNameError('too long')
    this.#depth--
    return value
  }

  /** Digits of base 62 up to `_`: `_` is 0, `0_` is 1. */
  #base62(): number {
    let value = 0
    if (this.#accept('_')) return 0
    for (let next = this.#next(); next !== '_'; next = this.#next()) {
      const digit = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'.indexOf(next)
      if (digit < 0) throw new MangledNameError('base-62 number')
      value = value * 62 + digit
    }
    return value + 1
  }

  #disambiguator(): number {
    return this.#accept('s') ? this.#base62() + 1 : 0
  }

  #backReference<T extends string>(read: () => T): T {
    const target = this.#start + this.#base62()
    const here = this.position
    if (target >= here - 1) throw new MangledNameError('back reference forward')
    this.position = target
    const value = this.#nest(read)
    this.position = here
    return value
  }

  #identifier(): {name: string; disambiguator: number} {
    const disambiguator = this.#disambiguator()
    const isPunycode = this.#accept('u')
    const digits = /^(?:0|[1-9]\d{0,5})/.exec(this.#text.slice(this.position, this.position + 6))?.[0]
    if (digits === undefined) throw new MangledNameError('no identifier')
    this.position += digits.length
    this.#accept('_')
    const name = this.#text.slice(this.position, this.position + Number(digits))
    if (name.length < Number(digits)) throw new MangledNameError('identifier ends early')
    this.position += name.length
    return {name: isPunycode ? decodePunycode(name) : name, disambiguator}
  }

  /** `inValue`: generic arguments are written with `::<…>`, as in an expression. */
  #path(inValue: boolean): string {
    return this.#nest(() => this.#readPath(inValue))
  }

  #readPath(inValue: boolean): string {
    switch (this.#next()) {
      case 'C':
        return this.#identifier().name
      case 'M': {
        this.#implPath()
        return `<${this.#type()}>`
      }
      case 'X': {
        this.#implPath()
        const type = this.#type()
        return `<${type} as ${this.#path(false)}>`
      }
      case 'Y': {
        const type = this.#type()
        return `<${type} as ${this.#path(false)}>`
      }
      case 'N':
        return this.#namespaced(inValue)
      case 'I': {
        const path = this.#path(inValue)
        return `${path}${inValue ? '::' : ''}<${this.#list(() => this.#genericArg()).join(', ')}>`
      }
      case 'B':
        return this.#backReference(() => this.#path(inValue))
      default:
        throw new MangledNameError('unknown path')
    }
  }

  #implPath(): void {
    this.#disambiguator()
    this.#path(false)
  }

  #namespaced(inValue: boolean): string {
    const space = this.#next()
    const path = this.#path(inValue)
    const {name, disambiguator} = this.#identifier()
    if (!/[A-Z]/.test(space)) return name === '' ? path : `${path}::${name}`
    const kind = space === 'C' ? 'closure' : space === 'S' ? 'shim' : space
    return `${path}::{${kind}${name === '' ? '' : `:${name}`}#${disambiguator}}`
  }

  #list(read: () => string): string[] {
    const items: string[] = []
    while (!this.#accept('E')) items.push(read())
    return items
  }

  #genericArg(): string {
    if (this.#accept('L')) return this.#lifetime(this.#base62())
    return this.#accept('K') ? this.#constant() : this.#type()
  }

  #lifetime(index: number): string {
    if (index === 0) return "'_"
    const depth = this.#lifetimes - index
    if (depth < 0) throw new MangledNameError('unknown lifetime')
    return depth < 26 ? `'${String.fromCharCode(97 + depth)}` : `'_${depth}`
  }

  /** Runs `read` with the lifetimes of an optional binder in scope; gives `for<'a> ` or nothing before it. */
  #binder(read: () => string): string {
    const count = this.#accept('G') ? this.#base62() + 1 : 0
    if (count > 1000) throw new MangledNameError('too many lifetimes')
    const names: string[] = []
    for (let at = 0; at < count; at++) {
      this.#lifetimes++
      names.push(this.#lifetime(1))
    }
    const body = read()
    this.#lifetimes -= count
    return (count > 0 ? `for<${names.join(', ')}> ` : '') + body
  }

  #type(): string {
    return this.#nest(() => this.#readType())
  }

  #readType(): string {
    const next = this.#next()
    const basic = BASIC_TYPES[next]
    if (basic !== undefined) return basic
    switch (next) {
      case 'A': {
        const element = this.#type()
        return `[${element}; ${this.#constant()}]`
      }
      case 'S':
        return `[${this.#type()}]`
      case 'T': {
        const items = this.#list(() => this.#type())
        return items.length === 1 ? `(${items[0]},)` : `(${items.join(', ')})`
      }
      case 'R':
      case 'Q': {
        const lifetime = this.#accept('L') ? this.#base62() : 0
        const mutable = next === 'Q' ? 'mut ' : ''
        return `&${lifetime > 0 ? `${this.#lifetime(lifetime)} ` : ''}${mutable}${this.#type()}`
      }
      case 'P':
        return `*const ${this.#type()}`
      case 'O':
        return `*mut ${this.#type()}`
      case 'F':
        return this.#binder(() => this.#functionType())
      case 'D': {
        const bounds = this.#binder(() => this.#traits())
        if (!this.#accept('L')) throw new MangledNameError('no lifetime')
        const lifetime = this.#base62()
        return `dyn ${bounds}${lifetime > 0 ? ` + ${this.#lifetime(lifetime)}` : ''}`
      }
      case 'B':
        return this.#backReference(() => this.#type())
      default:
        this.position--
        return this.#path(false)
    }
  }

  #functionType(): string {
    const isUnsafe = this.#accept('U') ? 'unsafe ' : ''
    let abi = ''
    if (this.#accept('K')) abi = `extern "${this.#accept('C') ? 'C' : this.#identifier().name.replaceAll('_', '-')}" `
    const parameters = this.#list(() => this.#type())
    const result = this.#accept('u') ? '' : ` -> ${this.#type()}`
    return `${isUnsafe}${abi}fn(${parameters.join(', ')})${result}`
  }

  #traits(): string {
    return this.#list(() => this.#traitWithBindings()).join(' + ')
  }

  /** Associated types stand among the trait's own generic arguments: `Iterator<Item = u8>`. */
  #traitWithBindings(): string {
    const path = this.#path(false)
    const bindings: string[] = []
    while (this.#accept('p')) {
      const {name} = this.#identifier()
      bindings.push(`${name} = ${this.#type()}`)
    }
    if (bindings.length === 0) return path
    const joined = bindings.join(', ')
    return path.endsWith('>') ? `${path.slice(0, -1)}, ${joined}>` : `${path}<${joined}>`
  }

  #constant(): string {
    return this.#nest(() => (this.#accept('B') ? this.#backReference(() => this.#constant()) : this.#readConstant()))
  }

  #readConstant(): string {
    const type = this.#next()
    if (type === 'p') return '_'
    const negative = this.#accept('n') ? '-' : ''
    let digits = ''
    for (let next = this.#next(); next !== '_'; next = this.#next()) digits += next
    if (!/^[0-9a-f]{0,64}$/.test(digits)) throw new MangledNameError('constant')
    if (type === 'b') return digits === '0' ? 'false' : 'true'
    if (type === 'c') return quoteCharacter(Number.parseInt(digits || '0', 16))
    if (!/[ahijlmnostxy]/.test(type)) throw new MangledNameError('constant type')
    return negative + BigInt(`0x${digits || '0'}`).toString()
  }
}

function quoteCharacter(point: number): string {
  if (point > 0x10ffff) throw new MangledNameError('character')
  const character = String.fromCodePoint(point)
  if (isControl(point)) return `'\\u{${point.toString(16)}}'`
  return character === "'" || character === '\\' ? `'\\${character}'` : `'${character}'`
}
