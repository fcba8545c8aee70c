import {readExpression, readLiteral} from './cxx-expressions.ts'
import {
  array,
  type CxxNode,
  encoding,
  type FunctionParts,
  functionType,
  MangledNameError,
  memberPointer,
  nested,
  packExpansion,
  packOf,
  plain,
  pointer,
  prefixed,
  printNode,
  qualified,
  reference,
  tagged,
  templated,
  text,
} from './cxx-nodes.ts'
import {BUILTIN_TYPES, EXTENDED_TYPES, findOperator, SPECIAL_NAMES, STANDARD_NAMES} from './cxx-words.ts'

/** The source name of an Itanium-mangled C++ name (Itanium C++ ABI, 5.1); undefined where it is not one. */
export function demangleCxx(mangled: string): string | undefined {
  const start = mangled.startsWith('__Z') ? 1 : 0
  if (!mangled.startsWith('_Z', start)) return undefined
  try {
    const reader = new CxxReader(mangled, start + 2)
    const name = printNode(reader.encoding(true))
    const clones = reader.cloneSuffixes()
    return reader.atEnd ? name + clones : undefined
  } catch (error) {
    if (error instanceof MangledNameError) return undefined
    throw error
  }
}

/** What the name of an encoding tells about the rest of it. */
interface NameState {
  /** Constructors, destructors and conversions have no result in their mangling. */
  withoutResult: boolean
  endsWithArgs: boolean
  suffix: string
}

const DEPTH_LIMIT = 256
/** Steps in all: a hostile name must not cost seconds. */
const STEP_LIMIT = 200_000
const STD = text('std')

/** Reads a mangled name into nodes, front to back. */
export class CxxReader {
  readonly #text: string
  #at: number
  #depth = 0
  #steps = 0
  readonly #substitutions: CxxNode[] = []
  /** Arguments of the innermost template that encloses the encoding. */
  #templateArgs: CxxNode[] = []
  /** Template parameters that are named before their arguments: in the type of a conversion operator. */
  #forward: {index: number; target: CxxNode | undefined}[] = []
  #allowForward = false
  #inLambda = 0

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

  next(): string {
    if (this.atEnd) throw new MangledNameError('ends early')
    return this.#text[this.#at++] as string
  }

  /** Decimal digits; an empty string where there are none. */
  digits(): string {
    const start = this.#at
    while (/[0-9]/.test(this.peek())) this.#at++
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

  /** Bounds nesting and work. */
  nest<T>(read: () => T): T {
    if (++this.#depth > DEPTH_LIMIT || ++this.#steps > STEP_LIMIT) throw new MangledNameError('too deep')
    const value = read()
    this.#depth--
    return value
  }

  #remember(node: CxxNode): CxxNode {
    this.#substitutions.push(node)
    return node
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

  /** `top`: not the enclosing function of a local name, whose result is left out. */
  encoding(top: boolean): CxxNode {
    return this.nest(() => {
      if (this.peek() === 'T' || this.peek() === 'G') return this.#specialName()
      const outerArgs = this.#templateArgs
      this.#templateArgs = []
      const state: NameState = {withoutResult: false, endsWithArgs: false, suffix: ''}
      const name = this.#name(state)
      const node = this.#isEncodingEnd() ? name : encoding(name, this.#signature(state, top))
      this.#templateArgs = outerArgs
      return node
    })
  }

  #isEncodingEnd(): boolean {
    const next = this.peek()
    return next === '' || next === 'E' || next === '.'
  }

  #signature(state: NameState, top: boolean): FunctionParts {
    this.accept('J')
    const result = state.endsWithArgs && !state.withoutResult ? this.type() : undefined
    const parameters: CxxNode[] = []
    if (!this.accept('v')) while (!this.#isEncodingEnd()) parameters.push(this.type())
    return {result: top ? result : undefined, parameters, suffix: state.suffix}
  }

  #specialName(): CxxNode {
    const code = this.peekTwo()
    this.#at += 2
    switch (code) {
      case 'Tc':
        this.#callOffset()
        this.#callOffset()
        return prefixed('covariant return thunk to ', this.encoding(true))
      case 'Th':
        this.#at--
        this.#callOffset()
        return prefixed('non-virtual thunk to ', this.encoding(true))
      case 'Tv':
        this.#at--
        this.#callOffset()
        return prefixed('virtual thunk to ', this.encoding(true))
      case 'TC': {
        const derived = this.type()
        this.digits()
        this.expect('_')
        return prefixed('construction vtable for ', nestedIn(this.type(), derived))
      }
      case 'GR': {
        const name = this.#name()
        const sequence = this.#sequence()
        return prefixed(`reference temporary #${sequence} for `, name)
      }
      case 'GA':
        return prefixed('hidden alias for ', this.encoding(true))
      case 'GT':
        return prefixed(
          this.next() === 'n' ? 'non-transaction clone for ' : 'transaction clone for ',
          this.encoding(true),
        )
    }
    const words = SPECIAL_NAMES[code]
    if (words === undefined) throw new MangledNameError(`special name ${code}`)
    return prefixed(words, code === 'GV' || code === 'TW' || code === 'TH' ? this.#name() : this.type())
  }

  /** Number behind a `GR`: `_` is 0, `0_` is 1. */
  #sequence(): number {
    if (this.accept('_') || this.atEnd) return 0
    const value = Number.parseInt(this.until('_'), 36)
    return Number.isNaN(value) ? 0 : value + 1
  }

  #callOffset(): void {
    const kind = this.next()
    this.accept('n')
    this.digits()
    this.expect('_')
    if (kind !== 'v') return
    this.accept('n')
    this.digits()
    this.expect('_')
  }

  #name(state?: NameState): CxxNode {
    return this.nest(() => {
      if (this.peek() === 'N') return this.#nestedName(state)
      if (this.peek() === 'Z') return this.#localName(state)
      if (this.peek() === 'S' && this.peek(1) !== 't') {
        const name = this.#substitution()
        return this.peek() === 'I' ? this.#withArgs(name, state) : name
      }
      const name = this.accept('St') ? nested(STD, this.#unqualifiedName(state, STD)) : this.#unqualifiedName(state)
      return this.peek() === 'I' ? this.#withArgs(this.#remember(name), state) : name
    })
  }

  #withArgs(name: CxxNode, state?: NameState): CxxNode {
    const args = this.templateArgs(state !== undefined)
    if (state) state.endsWithArgs = true
    return templated(name, args)
  }

  #nestedName(state?: NameState): CxxNode {
    this.expect('N')
    let suffix = this.#qualifiers()
    if (this.accept('R')) suffix += ' &'
    else if (this.accept('O')) suffix += ' &&'
    if (state) state.suffix = suffix
    let scope: CxxNode | undefined
    while (!this.accept('E')) {
      const next = this.peek()
      const two = this.peekTwo()
      if (state) state.endsWithArgs = false
      if (two === 'St') {
        this.#at += 2
        scope = STD
      } else if (next === 'S') scope = this.#substitution()
      else if (next === 'I') {
        if (!scope) throw new MangledNameError('arguments of nothing')
        scope = this.#remember(this.#withArgs(scope, state))
      } else if (next === 'T') scope = this.#remember(this.templateParam())
      else if (two === 'Dt' || two === 'DT') scope = this.#remember(this.#decltype())
      else if (next === 'M' && scope) this.#at++
      else {
        const name = this.#unqualifiedName(state, scope)
        scope = this.#remember(scope ? nested(scope, name) : name)
      }
    }
    if (!scope) throw new MangledNameError('empty name')
    // the whole name is a substitution only as a type, which remembers it itself
    if (this.#substitutions[this.#substitutions.length - 1] === scope) this.#substitutions.pop()
    return scope
  }

  #localName(state?: NameState): CxxNode {
    this.expect('Z')
    const outer = this.encoding(false)
    this.expect('E')
    if (this.accept('s')) {
      this.#discriminator()
      return nested(outer, text('string literal'))
    }
    let scope = outer
    if (this.accept('d')) {
      const parameter = this.digits()
      this.expect('_')
      scope = nested(outer, text(`{default arg#${parameter === '' ? 1 : Number(parameter) + 2}}`))
    }
    const name = this.#name(state)
    this.#discriminator()
    return nested(scope, name)
  }

  #discriminator(): void {
    if (this.accept('__')) {
      this.digits()
      this.accept('_')
    } else if (this.peek() === '_' && /[0-9]/.test(this.peek(1))) this.#at += 2
  }

  #unqualifiedName(state?: NameState, scope?: CxxNode): CxxNode {
    if (state) {
      state.withoutResult = false
      state.endsWithArgs = false
    }
    this.accept('L')
    let name = this.#plainName(state, scope)
    while (this.accept('B')) name = tagged(name, this.#sourceText())
    return name
  }

  #plainName(state?: NameState, scope?: CxxNode): CxxNode {
    const next = this.peek()
    if (/[0-9]/.test(next)) return this.sourceName()
    if (next === 'U') return this.#unnamedType()
    if (next === 'C' || (next === 'D' && /[0-9]/.test(this.peek(1)))) return this.#structor(state, scope)
    if (this.accept('DC')) {
      const names: CxxNode[] = []
      while (!this.accept('E')) names.push(this.sourceName())
      return {
        left: printer => {
          printer.add('[')
          printer.list(names)
          printer.add(']')
        },
      }
    }
    return this.operatorName(state)
  }

  #structor(state?: NameState, scope?: CxxNode): CxxNode {
    if (!scope?.base) throw new MangledNameError('constructor of nothing')
    if (state) state.withoutResult = true
    const isDestructor = this.next() === 'D'
    const inherits = this.accept('I')
    this.next()
    if (inherits) this.type()
    return text(isDestructor ? `~${scope.base}` : scope.base)
  }

  operatorName(state?: {withoutResult: boolean}): CxxNode {
    const code = this.peekTwo()
    this.#at += 2
    if (code === 'cv') {
      if (state) state.withoutResult = true
      const allowed = this.#allowForward
      this.#allowForward = true
      const type = this.type()
      this.#allowForward = allowed
      return prefixed('operator ', type)
    }
    if (code === 'li') return text(`operator"" ${this.#sourceText()}`)
    if (/^v[0-9]$/.test(code)) return text(`operator ${this.#sourceText()}`)
    const operator = findOperator(code)
    if (!operator) throw new MangledNameError(`operator ${code}`)
    return text(`operator${/^[a-z]/.test(operator.name) ? ' ' : ''}${operator.name}`)
  }

  #sourceText(): string {
    const length = this.number()
    const found = this.#text.slice(this.#at, this.#at + length)
    if (found.length < length || length === 0) throw new MangledNameError('name ends early')
    this.#at += length
    return found
  }

  sourceName(): CxxNode {
    const name = this.#sourceText()
    return plain(/^_GLOBAL_[._$]N/.test(name) ? '(anonymous namespace)' : name)
  }

  /** Lambdas and types without a name are numbered: no number is the first. */
  #unnamedType(): CxxNode {
    if (this.accept('Ut')) return text(`{unnamed type#${this.#count()}}`)
    this.expect('Ul')
    const parameters: CxxNode[] = []
    this.#inLambda++
    while (/^T[ynptk]/.test(this.peekTwo())) this.#skipTemplateParamDeclaration()
    while (!this.accept('E')) {
      if (!this.accept('v')) parameters.push(this.type())
    }
    this.#inLambda--
    const number = this.#count()
    return {
      left: printer => {
        printer.add('{lambda(')
        printer.list(parameters)
        printer.add(`)#${number}}`)
      },
    }
  }

  #skipTemplateParamDeclaration(): void {
    const kind = this.peekTwo()
    this.#at += 2
    if (kind === 'Tn') this.type()
    else if (kind === 'Tt') while (!this.accept('E')) this.#skipTemplateParamDeclaration()
    else if (kind === 'Tp') this.#skipTemplateParamDeclaration()
  }

  #count(): number {
    const digits = this.digits()
    this.expect('_')
    return digits === '' ? 1 : Number(digits) + 2
  }

  #qualifiers(): string {
    let words = ''
    // written innermost first: r restrict, V volatile, K const
    const isRestrict = this.accept('r')
    const isVolatile = this.accept('V')
    if (this.accept('K')) words += ' const'
    if (isVolatile) words += ' volatile'
    if (isRestrict) words += ' __restrict'
    return words
  }

  #substitution(): CxxNode {
    this.expect('S')
    const next = this.next()
    const standard = STANDARD_NAMES[next]
    if (standard) {
      // the name of its constructor shows what the abbreviation stands for
      const isStructor = this.peek() === 'C' || (this.peek() === 'D' && /[0-9]/.test(this.peek(1)))
      const base = text(isStructor ? standard.full : standard.name, standard.base)
      if (this.peek() !== 'B') return base
      let name = base
      while (this.accept('B')) name = tagged(name, this.#sourceText())
      return this.#remember(name)
    }
    let index = 0
    if (next !== '_') {
      const digits = next + this.until('_')
      if (!/^[0-9A-Z]{1,5}$/.test(digits)) throw new MangledNameError('substitution')
      index = Number.parseInt(digits, 36) + 1
    }
    const found = this.#substitutions[index]
    if (!found) throw new MangledNameError('unknown substitution')
    return found
  }

  templateParam(): CxxNode {
    this.expect('T')
    let level = 0
    if (this.accept('L')) {
      level = this.number() + 1
      this.expect('_')
    }
    const digits = this.digits()
    this.expect('_')
    const index = digits === '' ? 0 : Number(digits) + 1
    if (this.#inLambda > 0 && (level > 0 || index >= this.#templateArgs.length)) return text(`auto:${index + 1}`)
    if (this.#allowForward) return this.#forwardParam(index)
    if (this.#inLambda > 0) return text(`auto:${index + 1}`)
    const found = this.#templateArgs[index]
    if (!found) throw new MangledNameError('unknown template parameter')
    return found
  }

  #forwardParam(index: number): CxxNode {
    const slot: {index: number; target: CxxNode | undefined} = {index, target: undefined}
    this.#forward.push(slot)
    const target = (): CxxNode => {
      if (!slot.target) throw new MangledNameError('unknown template parameter')
      return slot.target
    }
    return {left: printer => printer.left(target()), right: printer => printer.right(target())}
  }

  /** @param enclosing whether these are the arguments that template parameters of the encoding refer to */
  templateArgs(enclosing: boolean): CxxNode[] {
    this.expect('I')
    if (enclosing) this.#templateArgs = []
    const args: CxxNode[] = []
    while (!this.accept('E')) {
      const arg = this.templateArg()
      args.push(arg)
      if (enclosing) this.#templateArgs.push(arg)
    }
    if (enclosing) {
      for (const slot of this.#forward) slot.target ??= args[slot.index]
      this.#forward = []
    }
    return args
  }

  templateArg(): CxxNode {
    return this.nest(() => {
      switch (this.peek()) {
        case 'X': {
          this.#at++
          const expression = readExpression(this)
          this.expect('E')
          return expression
        }
        case 'J':
        case 'I': {
          this.#at++
          const elements: CxxNode[] = []
          while (!this.accept('E')) elements.push(this.templateArg())
          return packOf(elements)
        }
        case 'L':
          return readLiteral(this)
        default:
          return this.type()
      }
    })
  }

  #decltype(): CxxNode {
    this.#at += 2
    const expression = readExpression(this)
    this.expect('E')
    return prefixed('decltype (', expression, ')')
  }

  type(): CxxNode {
    return this.nest(() => this.#readType())
  }

  #readType(): CxxNode {
    const next = this.peek()
    const builtin = BUILTIN_TYPES[next]
    if (builtin !== undefined) {
      this.#at++
      return text(builtin)
    }
    switch (next) {
      case 'r':
      case 'V':
      case 'K':
        return this.#qualifiedType()
      case 'P':
        this.#at++
        return this.#remember(pointer(this.type()))
      case 'R':
        this.#at++
        return this.#remember(reference(this.type(), '&'))
      case 'O':
        this.#at++
        return this.#remember(reference(this.type(), '&&'))
      case 'C':
        this.#at++
        return this.#remember(qualified(this.type(), ' _Complex'))
      case 'G':
        this.#at++
        return this.#remember(qualified(this.type(), ' _Imaginary'))
      case 'F':
        return this.#remember(this.#functionType(''))
      case 'A':
        return this.#remember(this.#arrayType())
      case 'M': {
        this.#at++
        const owner = this.type()
        return this.#remember(memberPointer(owner, this.type()))
      }
      case 'u':
        this.#at++
        return this.#remember(this.#vendorType())
      case 'U':
        if (this.peek(1) !== 'l' && this.peek(1) !== 't') return this.#vendorQualified()
        break
      case 'D': {
        const type = this.#extendedType()
        if (type) return type
        break
      }
      case 'T': {
        if (/^T[sue]/.test(this.peekTwo())) {
          this.#at += 2
          return this.#remember(this.#name())
        }
        const param = this.#remember(this.templateParam())
        return this.peek() === 'I' ? this.#remember(this.#withArgs(param)) : param
      }
      case 'S':
        if (this.peek(1) !== 't') {
          const name = this.#substitution()
          return this.peek() === 'I' ? this.#remember(this.#withArgs(name)) : name
        }
        break
    }
    return this.#remember(this.#name())
  }

  #vendorType(): CxxNode {
    const name = this.sourceName()
    return this.peek() === 'I' ? this.#withArgs(name) : name
  }

  #vendorQualified(): CxxNode {
    this.#at++
    const name = this.#sourceText()
    const args = this.peek() === 'I' ? this.templateArgs(false) : undefined
    const words = args ? printNode(templated(text(name), args)) : name
    return this.#remember(qualified(this.type(), ` ${words}`))
  }

  #qualifiedType(): CxxNode {
    const words = this.#qualifiers()
    // qualifiers of a function type stand behind its parameters
    if (this.peek() === 'F' || /^D[oOwx]/.test(this.peekTwo())) return this.#remember(this.#functionType(words))
    return this.#remember(qualified(this.type(), words))
  }

  #functionType(words: string): CxxNode {
    let exceptions = ''
    if (this.accept('Do')) exceptions = ' noexcept'
    else if (this.accept('DO')) {
      exceptions = ` noexcept(${printNode(readExpression(this))})`
      this.expect('E')
    } else if (this.accept('Dw')) {
      const thrown: CxxNode[] = []
      while (!this.accept('E')) thrown.push(this.type())
      exceptions = ` throw(${thrown.map(printNode).join(', ')})`
    }
    if (this.accept('Dx')) exceptions += ' transaction_safe'
    this.expect('F')
    this.accept('Y')
    const result = this.type()
    const parameters: CxxNode[] = []
    let suffix = words
    while (!this.accept('E')) {
      if (this.peekTwo() === 'RE') {
        suffix += ' &'
        this.#at++
      } else if (this.peekTwo() === 'OE') {
        suffix += ' &&'
        this.#at++
      } else if (!this.accept('v')) parameters.push(this.type())
    }
    return functionType({result, parameters, suffix: suffix + exceptions})
  }

  #arrayType(): CxxNode {
    this.expect('A')
    let dimension: CxxNode | undefined
    if (/[0-9]/.test(this.peek())) dimension = text(this.digits())
    else if (this.peek() !== '_') dimension = readExpression(this)
    this.expect('_')
    return array(this.type(), dimension)
  }

  /** Types that start with D; undefined for a name that does. */
  #extendedType(): CxxNode | undefined {
    const two = this.peekTwo()
    const builtin = EXTENDED_TYPES[two]
    if (builtin !== undefined) {
      this.#at += 2
      return text(builtin)
    }
    switch (two) {
      case 'Dt':
      case 'DT':
        return this.#remember(this.#decltype())
      case 'Dp':
        this.#at += 2
        return this.#remember(packExpansion(this.type()))
      case 'Dv': {
        this.#at += 2
        const dimension = /[0-9]/.test(this.peek())
          ? this.digits()
          : this.accept('_')
            ? printNode(readExpression(this))
            : ''
        this.expect('_')
        return this.#remember(qualified(this.type(), ` __vector(${dimension})`))
      }
      case 'Do':
      case 'DO':
      case 'Dw':
      case 'Dx':
        return this.#remember(this.#functionType(''))
      case 'DF': {
        this.#at += 2
        const bits = this.number()
        const extended = this.accept('x') ? 'x' : ''
        if (this.accept('b')) return text(`std::bfloat${bits}_t`)
        this.accept('_')
        return text(`_Float${bits}${extended}`)
      }
      case 'DB':
      case 'DU': {
        this.#at += 2
        const bits = this.until('_')
        return text(two === 'DB' ? `_BitInt(${bits})` : `unsigned _BitInt(${bits})`)
      }
    }
    return undefined
  }
}

/** `base-in-derived`, of a construction vtable. */
function nestedIn(base: CxxNode, derived: CxxNode): CxxNode {
  return {
    left: printer => {
      printer.whole(base)
      printer.add('-in-')
      printer.whole(derived)
    },
  }
}
