import {baseIn, encoding, type FunctionParts} from './cxx-declarators.ts'
import {readExpression, readLiteral} from './cxx-expressions.ts'
import type {CxxGrammar} from './cxx-grammar.ts'
import {conversion, nested, packOf, plain, tagged, templated, templateParameter} from './cxx-names.ts'
import {type CxxNode, listed, printNode, sequence, text} from './cxx-printer.ts'
import {readType} from './cxx-types.ts'
import {findOperator, SPECIAL_NAMES, STANDARD_NAMES} from './cxx-words.ts'
import {MangledNameError, MangledText} from './mangled-text.ts'

/**
 * The source name of an Itanium-mangled C++ name (Itanium C++ ABI, 5.1). @throws MangledNameError where it is not one
 */
export function demangleCxx(mangled: string): string {
  const reader = new CxxReader(mangled, mangled.indexOf('_Z') + 2)
  const name = printNode(reader.encoding(true))
  const clones = reader.text.cloneSuffixes()
  if (!reader.text.atEnd) throw new MangledNameError('goes on')
  return name + clones
}

/** The source name of a type as `std::type_info` spells it. @throws MangledNameError */
export function demangleCxxType(mangled: string): string {
  const reader = new CxxReader(mangled, 0)
  const name = printNode(reader.type())
  if (!reader.text.atEnd) throw new MangledNameError('goes on')
  return name
}

/** What the name of an encoding tells about the rest of it. */
interface NameState {
  /** Constructors, destructors and conversions have no result in their mangling. */
  withoutResult: boolean
  /** Arguments that the name ends with. */
  args: readonly CxxNode[] | undefined
  suffix: string
}

const DEPTH_LIMIT = 640
/** Nodes of one name: a hostile name must not cost seconds. */
const STEP_LIMIT = 50_000
const STD = text('std')

/** Reads a mangled name into nodes, front to back. */
class CxxReader implements CxxGrammar {
  readonly text: MangledText
  #depth = 0
  #steps = 0
  readonly #substitutions: CxxNode[] = []
  inConversion = false
  #inLambda = 0

  constructor(mangled: string, start: number) {
    this.text = new MangledText(mangled, start)
  }

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

  encoding(top: boolean): CxxNode {
    return this.nest(() => {
      if (this.text.peek() === 'T' || this.text.peek() === 'G') return this.#specialName()
      const state: NameState = {withoutResult: false, args: undefined, suffix: ''}
      const name = this.name(state)
      return this.#isEncodingEnd() ? name : encoding(name, state.args, this.#signature(state, top))
    })
  }

  #isEncodingEnd(): boolean {
    const next = this.text.peek()
    return next === '' || next === 'E' || next === '.'
  }

  #signature({args, withoutResult, suffix}: NameState, top: boolean): FunctionParts {
    const hasResult = this.text.accept('J') || (args !== undefined && !withoutResult)
    const result = hasResult ? this.type() : undefined
    const parameters: CxxNode[] = []
    if (!this.text.accept('v')) while (!this.#isEncodingEnd()) parameters.push(this.type())
    return {result: top ? result : undefined, parameters, suffix: suffix === '' ? undefined : text(suffix)}
  }

  #specialName(): CxxNode {
    const code = this.text.peekTwo()
    this.text.skip(2)
    switch (code) {
      case 'Tc':
        this.#callOffset()
        this.#callOffset()
        return sequence('covariant return thunk to ', this.encoding(true))
      case 'Th':
      case 'Tv':
        this.text.skip(-1)
        this.#callOffset()
        return sequence(code === 'Th' ? 'non-virtual thunk to ' : 'virtual thunk to ', this.encoding(true))
      case 'TC': {
        const derived = this.type()
        this.text.digits()
        this.text.expect('_')
        return sequence('construction vtable for ', baseIn(derived, this.type()))
      }
      case 'GR': {
        const name = this.name()
        return sequence(`reference temporary #${this.#sequence()} for `, name)
      }
      case 'GA':
        return sequence('hidden alias for ', this.encoding(true))
      case 'GT': {
        const kind = this.text.next() === 'n' ? 'non-transaction clone for ' : 'transaction clone for '
        return sequence(kind, this.encoding(true))
      }
      case 'TA':
        return sequence('template parameter object for ', this.templateArg())
    }
    const words = SPECIAL_NAMES[code]
    if (words === undefined) throw new MangledNameError(`special name ${code}`)
    return sequence(words, code === 'GV' || code === 'TW' || code === 'TH' ? this.name() : this.type())
  }

  /** Number behind a `GR`: `_` is 0, `0_` is 1. */
  #sequence(): number {
    if (this.text.accept('_') || this.text.atEnd) return 0
    const value = Number.parseInt(this.text.until('_'), 36)
    return Number.isSafeInteger(value) ? value + 1 : 0
  }

  #callOffset(): void {
    const kind = this.text.next()
    this.#offset()
    if (kind === 'v') this.#offset()
  }

  #offset(): void {
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
    const args = this.templateArgs()
    if (state) state.args = args
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
      if (state) state.args = undefined
      scope = this.#nestedPart(scope, state)
    }
    if (!scope) throw new MangledNameError('empty name')
    // The whole name is a substitution only as a type, which remembers it itself.
    if (this.#substitutions[this.#substitutions.length - 1] === scope) this.#substitutions.pop()
    return scope
  }

  #nestedPart(scope: CxxNode | undefined, state: NameState | undefined): CxxNode {
    const next = this.text.peek()
    const two = this.text.peekTwo()
    if (two === 'St') {
      this.text.skip(2)
      return STD
    }
    if (next === 'S') return this.substitution()
    if (next === 'I') {
      if (!scope) throw new MangledNameError('arguments of nothing')
      return this.remember(this.withArgs(scope, state))
    }
    if (next === 'T') return this.remember(this.templateParam())
    if (two === 'Dt' || two === 'DT') return this.remember(this.decltype())
    // The scope is a data member that a lambda initializes.
    if (next === 'M' && scope) this.text.skip(1)
    const name = this.#unqualifiedName(state, scope)
    return this.remember(scope ? nested(scope, name) : name)
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
      const parameter = this.text.peek() === '_' ? 1 : this.text.number() + 2
      this.text.expect('_')
      scope = nested(outer, text(`{default arg#${parameter}}`))
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
      state.args = undefined
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
      return listed('[', names, ']')
    }
    return this.operatorName(state)
  }

  #structor(state?: NameState, scope?: CxxNode): CxxNode {
    if (!scope?.base) throw new MangledNameError('constructor of nothing')
    if (state) state.withoutResult = true
    const isDestructor = this.text.next() === 'D'
    const inherits = this.text.accept('I')
    this.text.next()
    // An inherited constructor goes by the name of the class it comes from.
    if (inherits) return text(this.type().base ?? scope.base)
    return text(isDestructor ? `~${scope.base}` : scope.base)
  }

  operatorName(state?: {withoutResult: boolean}): CxxNode {
    const code = this.text.peekTwo()
    this.text.skip(2)
    if (code === 'cv') {
      if (state) state.withoutResult = true
      const allowed = this.inConversion
      this.inConversion = true
      const type = this.type()
      this.inConversion = allowed
      return conversion(type)
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
    while (/^T[ynptk]/.test(this.text.peekTwo())) this.nest(() => this.#skipTemplateParamDeclaration())
    while (!this.text.accept('E')) {
      if (!this.text.accept('v')) parameters.push(this.type())
    }
    this.#inLambda--
    return listed('{lambda(', parameters, `)#${this.#count()}}`)
  }

  #skipTemplateParamDeclaration(): void {
    const kind = this.text.peekTwo()
    this.text.skip(2)
    if (kind === 'Tn') this.type()
    else if (kind === 'Tt') while (!this.text.accept('E')) this.nest(() => this.#skipTemplateParamDeclaration())
    else if (kind === 'Tp') this.nest(() => this.#skipTemplateParamDeclaration())
  }

  #count(): number {
    const count = this.text.peek() === '_' ? 1 : this.text.number() + 2
    this.text.expect('_')
    return count
  }

  qualifiers(): string {
    let words = ''
    // Written innermost first: r restrict, V volatile, K const.
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
    if (standard) return this.#standardName(standard)
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

  #standardName(standard: {name: string; full: string; base: string}): CxxNode {
    // The name of its constructor shows what the abbreviation stands for.
    const isStructor = this.text.peek() === 'C' || (this.text.peek() === 'D' && /[0-9]/.test(this.text.peek(1)))
    const base = text(isStructor ? standard.full : standard.name, standard.base)
    if (this.text.peek() !== 'B') return base
    let name: CxxNode = base
    while (this.text.accept('B')) name = tagged(name, this.text.sourceText())
    return this.remember(name)
  }

  templateParam(): CxxNode {
    this.text.expect('T')
    if (this.text.accept('L')) {
      this.text.digits()
      this.text.expect('_')
    }
    const index = this.text.peek() === '_' ? 0 : this.text.number() + 1
    this.text.expect('_')
    // Those of a generic lambda have no arguments.
    return this.#inLambda > 0 && !this.inConversion ? text(`auto:${index + 1}`) : templateParameter(index)
  }

  templateArgs(): CxxNode[] {
    this.text.expect('I')
    const args: CxxNode[] = []
    while (!this.text.accept('E')) args.push(this.templateArg())
    return args
  }

  templateArg(): CxxNode {
    return this.nest(() => {
      switch (this.text.peek()) {
        case 'X': {
          this.text.skip(1)
          const expression = this.expression()
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
          return this.type()
      }
    })
  }

  type(): CxxNode {
    return this.nest(() => readType(this))
  }

  expression(): CxxNode {
    return this.nest(() => readExpression(this))
  }

  decltype(): CxxNode {
    this.text.skip(2)
    const expression = this.expression()
    this.text.expect('E')
    return sequence('decltype (', expression, ')')
  }
}
