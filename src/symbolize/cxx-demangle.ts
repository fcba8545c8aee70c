import {readExpression, readLiteral} from './cxx-expressions.ts'
import {
  type CxxNode,
  encoding,
  type FunctionParts,
  MangledNameError,
  nested,
  packOf,
  plain,
  prefixed,
  printNode,
  tagged,
  templated,
  text,
} from './cxx-nodes.ts'
import {readType} from './cxx-types.ts'
import {findOperator, SPECIAL_NAMES, STANDARD_NAMES} from './cxx-words.ts'
import {MangledText} from './mangled-text.ts'

/** The source name of an Itanium-mangled C++ name (Itanium C++ ABI, 5.1); undefined where it is not one. */
export function demangleCxx(mangled: string): string | undefined {
  const start = mangled.startsWith('__Z') ? 1 : 0
  if (!mangled.startsWith('_Z', start)) return undefined
  try {
    const reader = new CxxReader(mangled, start + 2)
    const name = printNode(reader.encoding(true))
    const clones = reader.text.cloneSuffixes()
    return reader.text.atEnd ? name + clones : undefined
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
  readonly text: MangledText
  #depth = 0
  #steps = 0
  readonly #substitutions: CxxNode[] = []
  /** Arguments of the innermost template that encloses the encoding. */
  #templateArgs: CxxNode[] = []
  /** Template parameters that are named before their arguments: in the type of a conversion operator. */
  #forward: {index: number; target: CxxNode | undefined}[] = []
  /** Whether the type of a conversion operator is being read: its template parameters are named before their arguments. */
  inConversion = false
  #inLambda = 0

  constructor(mangled: string, start: number) {
    this.text = new MangledText(mangled, start)
  }

  /** Bounds nesting and work. */
  nest<T>(read: () => T): T {
    if (++this.#depth > DEPTH_LIMIT || ++this.#steps > STEP_LIMIT) throw new MangledNameError('too deep')
    const value = read()
    this.#depth--
    return value
  }

  remember(node: CxxNode): CxxNode {
    this.#substitutions.push(node)
    return node
  }

  /** `top`: not the enclosing function of a local name, whose result is left out. */
  encoding(top: boolean): CxxNode {
    return this.nest(() => {
      if (this.text.peek() === 'T' || this.text.peek() === 'G') return this.#specialName()
      const outerArgs = this.#templateArgs
      this.#templateArgs = []
      const state: NameState = {withoutResult: false, endsWithArgs: false, suffix: ''}
      const name = this.name(state)
      const node = this.#isEncodingEnd() ? name : encoding(name, this.#signature(state, top))
      this.#templateArgs = outerArgs
      return node
    })
  }

  #isEncodingEnd(): boolean {
    const next = this.text.peek()
    return next === '' || next === 'E' || next === '.'
  }

  #signature(state: NameState, top: boolean): FunctionParts {
    this.text.accept('J')
    const result = state.endsWithArgs && !state.withoutResult ? readType(this) : undefined
    const parameters: CxxNode[] = []
    if (!this.text.accept('v')) while (!this.#isEncodingEnd()) parameters.push(readType(this))
    return {result: top ? result : undefined, parameters, suffix: state.suffix}
  }

  #specialName(): CxxNode {
    const code = this.text.peekTwo()
    this.text.skip(2)
    switch (code) {
      case 'Tc':
        this.#callOffset()
        this.#callOffset()
        return prefixed('covariant return thunk to ', this.encoding(true))
      case 'Th':
        this.text.skip(-1)
        this.#callOffset()
        return prefixed('non-virtual thunk to ', this.encoding(true))
      case 'Tv':
        this.text.skip(-1)
        this.#callOffset()
        return prefixed('virtual thunk to ', this.encoding(true))
      case 'TC': {
        const derived = readType(this)
        this.text.digits()
        this.text.expect('_')
        return prefixed('construction vtable for ', nestedIn(readType(this), derived))
      }
      case 'GR': {
        const name = this.name()
        const sequence = this.#sequence()
        return prefixed(`reference temporary #${sequence} for `, name)
      }
      case 'GA':
        return prefixed('hidden alias for ', this.encoding(true))
      case 'GT':
        return prefixed(
          this.text.next() === 'n' ? 'non-transaction clone for ' : 'transaction clone for ',
          this.encoding(true),
        )
    }
    const words = SPECIAL_NAMES[code]
    if (words === undefined) throw new MangledNameError(`special name ${code}`)
    return prefixed(words, code === 'GV' || code === 'TW' || code === 'TH' ? this.name() : readType(this))
  }

  /** Number behind a `GR`: `_` is 0, `0_` is 1. */
  #sequence(): number {
    if (this.text.accept('_') || this.text.atEnd) return 0
    const value = Number.parseInt(this.text.until('_'), 36)
    return Number.isNaN(value) ? 0 : value + 1
  }

  #callOffset(): void {
    const kind = this.text.next()
    this.text.accept('n')
    this.text.digits()
    this.text.expect('_')
    if (kind !== 'v') return
    this.text.accept('n')
    this.text.digits()
    this.text.expect('_')
  }

  name(state?: NameState): CxxNode {
    return this.nest(() => {
      if (this.text.peek() === 'N') return this.#nestedName(state)
      if (this.text.peek() === 'Z') return this.#localName(state)
      if (this.text.peek() === 'S' && this.text.peek(1) !== 't') {
        const name = this.substitution()
        return this.text.peek() === 'I' ? this.withArgs(name, state) : name
      }
      const name = this.text.accept('St')
        ? nested(STD, this.#unqualifiedName(state, STD))
        : this.#unqualifiedName(state)
      return this.text.peek() === 'I' ? this.withArgs(this.remember(name), state) : name
    })
  }

  withArgs(name: CxxNode, state?: NameState): CxxNode {
    const args = this.templateArgs(state !== undefined)
    if (state) state.endsWithArgs = true
    return templated(name, args)
  }

  #nestedName(state?: NameState): CxxNode {
    this.text.expect('N')
    let suffix = this.qualifiers()
    if (this.text.accept('R')) suffix += ' &'
    else if (this.text.accept('O')) suffix += ' &&'
    if (state) state.suffix = suffix
    let scope: CxxNode | undefined
    while (!this.text.accept('E')) {
      const next = this.text.peek()
      const two = this.text.peekTwo()
      if (state) state.endsWithArgs = false
      if (two === 'St') {
        this.text.skip(2)
        scope = STD
      } else if (next === 'S') scope = this.substitution()
      else if (next === 'I') {
        if (!scope) throw new MangledNameError('arguments of nothing')
        scope = this.remember(this.withArgs(scope, state))
      } else if (next === 'T') scope = this.remember(this.templateParam())
      else if (two === 'Dt' || two === 'DT') scope = this.remember(this.decltype())
      else if (next === 'M' && scope) this.text.skip(1)
      else {
        const name = this.#unqualifiedName(state, scope)
        scope = this.remember(scope ? nested(scope, name) : name)
      }
    }
    if (!scope) throw new MangledNameError('empty name')
    // the whole name is a substitution only as a type, which remembers it itself
    if (this.#substitutions[this.#substitutions.length - 1] === scope) this.#substitutions.pop()
    return scope
  }

  #localName(state?: NameState): CxxNode {
    this.text.expect('Z')
    const outer = this.encoding(false)
    this.text.expect('E')
    if (this.text.accept('s')) {
      this.#discriminator()
      return nested(outer, text('string literal'))
    }
    let scope = outer
    if (this.text.accept('d')) {
      const parameter = this.text.digits()
      this.text.expect('_')
      scope = nested(outer, text(`{default arg#${parameter === '' ? 1 : Number(parameter) + 2}}`))
    }
    const name = this.name(state)
    this.#discriminator()
    return nested(scope, name)
  }

  #discriminator(): void {
    if (this.text.accept('__')) {
      this.text.digits()
      this.text.accept('_')
    } else if (this.text.peek() === '_' && /[0-9]/.test(this.text.peek(1))) this.text.skip(2)
  }

  #unqualifiedName(state?: NameState, scope?: CxxNode): CxxNode {
    if (state) {
      state.withoutResult = false
      state.endsWithArgs = false
    }
    this.text.accept('L')
    let name = this.#plainName(state, scope)
    while (this.text.accept('B')) name = tagged(name, this.text.sourceText())
    return name
  }

  #plainName(state?: NameState, scope?: CxxNode): CxxNode {
    const next = this.text.peek()
    if (/[0-9]/.test(next)) return this.sourceName()
    if (next === 'U') return this.#unnamedType()
    if (next === 'C' || (next === 'D' && /[0-9]/.test(this.text.peek(1)))) return this.#structor(state, scope)
    if (this.text.accept('DC')) {
      const names: CxxNode[] = []
      while (!this.text.accept('E')) names.push(this.sourceName())
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
    const isDestructor = this.text.next() === 'D'
    const inherits = this.text.accept('I')
    this.text.next()
    // an inherited constructor goes by the name of the class it comes from
    if (inherits) return text(readType(this).base ?? scope.base)
    return text(isDestructor ? `~${scope.base}` : scope.base)
  }

  operatorName(state?: {withoutResult: boolean}): CxxNode {
    const code = this.text.peekTwo()
    this.text.skip(2)
    if (code === 'cv') {
      if (state) state.withoutResult = true
      const allowed = this.inConversion
      this.inConversion = true
      const type = readType(this)
      this.inConversion = allowed
      return prefixed('operator ', type)
    }
    if (code === 'li') return text(`operator"" ${this.text.sourceText()}`)
    if (/^v[0-9]$/.test(code)) return text(`operator ${this.text.sourceText()}`)
    const operator = findOperator(code)
    if (!operator) throw new MangledNameError(`operator ${code}`)
    return text(`operator${/^[a-z]/.test(operator.name) ? ' ' : ''}${operator.name}`)
  }

  sourceName(): CxxNode {
    const name = this.text.sourceText()
    return plain(/^_GLOBAL_[._$]N/.test(name) ? '(anonymous namespace)' : name)
  }

  /** Lambdas and types without a name are numbered: no number is the first. */
  #unnamedType(): CxxNode {
    if (this.text.accept('Ut')) return text(`{unnamed type#${this.#count()}}`)
    this.text.expect('Ul')
    const parameters: CxxNode[] = []
    this.#inLambda++
    while (/^T[ynptk]/.test(this.text.peekTwo())) this.#skipTemplateParamDeclaration()
    while (!this.text.accept('E')) {
      if (!this.text.accept('v')) parameters.push(readType(this))
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
    const kind = this.text.peekTwo()
    this.text.skip(2)
    if (kind === 'Tn') readType(this)
    else if (kind === 'Tt') while (!this.text.accept('E')) this.#skipTemplateParamDeclaration()
    else if (kind === 'Tp') this.#skipTemplateParamDeclaration()
  }

  #count(): number {
    const digits = this.text.digits()
    this.text.expect('_')
    return digits === '' ? 1 : Number(digits) + 2
  }

  qualifiers(): string {
    let words = ''
    // written innermost first: r restrict, V volatile, K const
    const isRestrict = this.text.accept('r')
    const isVolatile = this.text.accept('V')
    if (this.text.accept('K')) words += ' const'
    if (isVolatile) words += ' volatile'
    if (isRestrict) words += ' __restrict'
    return words
  }

  substitution(): CxxNode {
    this.text.expect('S')
    const next = this.text.next()
    const standard = STANDARD_NAMES[next]
    if (standard) {
      // the name of its constructor shows what the abbreviation stands for
      const isStructor = this.text.peek() === 'C' || (this.text.peek() === 'D' && /[0-9]/.test(this.text.peek(1)))
      const base = text(isStructor ? standard.full : standard.name, standard.base)
      if (this.text.peek() !== 'B') return base
      let name = base
      while (this.text.accept('B')) name = tagged(name, this.text.sourceText())
      return this.remember(name)
    }
    let index = 0
    if (next !== '_') {
      const digits = next + this.text.until('_')
      if (!/^[0-9A-Z]{1,5}$/.test(digits)) throw new MangledNameError('substitution')
      index = Number.parseInt(digits, 36) + 1
    }
    const found = this.#substitutions[index]
    if (!found) throw new MangledNameError('unknown substitution')
    return found
  }

  templateParam(): CxxNode {
    this.text.expect('T')
    let level = 0
    if (this.text.accept('L')) {
      level = this.text.number() + 1
      this.text.expect('_')
    }
    const digits = this.text.digits()
    this.text.expect('_')
    const index = digits === '' ? 0 : Number(digits) + 1
    if (this.#inLambda > 0 && (level > 0 || index >= this.#templateArgs.length)) return text(`auto:${index + 1}`)
    if (this.inConversion) return this.#forwardParam(index)
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
    this.text.expect('I')
    if (enclosing) this.#templateArgs = []
    const args: CxxNode[] = []
    while (!this.text.accept('E')) {
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
      switch (this.text.peek()) {
        case 'X': {
          this.text.skip(1)
          const expression = readExpression(this)
          this.text.expect('E')
          return expression
        }
        case 'J':
        case 'I': {
          this.text.skip(1)
          const elements: CxxNode[] = []
          while (!this.text.accept('E')) elements.push(this.templateArg())
          return packOf(elements)
        }
        case 'L':
          return readLiteral(this)
        default:
          return readType(this)
      }
    })
  }

  decltype(): CxxNode {
    this.text.skip(2)
    const expression = readExpression(this)
    this.text.expect('E')
    return prefixed('decltype (', expression, ')')
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
