import type {CxxGrammar} from './cxx-grammar.ts'
import {nested, packExpansion, plain, templated} from './cxx-names.ts'
import {type CxxNode, listed, sequence, text} from './cxx-printer.ts'
import {findOperator, LITERAL_SUFFIX} from './cxx-words.ts'
import {MangledNameError} from './mangled-text.ts'

/** `L…E` (Itanium C++ ABI, 5.1.6, <expr-primary>). */
export function readLiteral(reader: CxxGrammar): CxxNode {
  reader.text.expect('L')
  if (reader.text.accept('_Z') || reader.text.accept('Z')) {
    const entity = reader.encoding(true)
    reader.text.expect('E')
    return entity
  }
  const code = reader.text.peek()
  const isNull = reader.text.peekTwo() === 'Dn'
  const type = reader.type()
  const sign = reader.text.accept('n') ? '-' : ''
  const value = reader.text.until('E')
  if (code === 'b' && sign === '' && (value === '0' || value === '1')) return text(value === '1' ? 'true' : 'false')
  const suffix = LITERAL_SUFFIX[code]
  if (suffix !== undefined) return text(`${sign}${value}${suffix}`)
  if (/^[fdeg]$/.test(code)) return sequence('(', type, `)${sign}[${value}]`)
  return isNull && value === '' ? type : sequence('(', type, `)${sign}${value}`)
}

/** <expression> of 5.1.6. */
export function readExpression(reader: CxxGrammar): CxxNode {
  const next = reader.text.peek()
  const two = reader.text.peekTwo()
  if (next === 'L') return readLiteral(reader)
  if (next === 'T') return reader.templateParam()
  if (/^f[pL]/.test(two) && !/^fL[a-z]/.test(two + reader.text.peek(2))) return readParameter(reader)
  if (/^f[lrLR]/.test(two)) return readFold(reader)
  if (/[0-9]/.test(next)) return readUnresolvedBase(reader)
  if (reader.text.accept('gs')) return sequence('::', reader.expression())
  const named = NAMED[two]
  if (named) {
    reader.text.expect(two)
    return named(reader)
  }
  const operator = findOperator(two)
  if (!operator) throw new MangledNameError(`expression ${two}`)
  reader.text.expect(two)
  return readOperator(reader, two, operator)
}

/** Operands stand in parentheses, except plain names. */
function operand(node: CxxNode): CxxNode {
  return node.plain ? node : sequence('(', node, ')')
}

function readOperand(reader: CxxGrammar): CxxNode {
  return operand(reader.expression())
}

function readOperator(reader: CxxGrammar, code: string, operator: {name: string; operands: number}): CxxNode {
  const {name} = operator
  if (operator.operands === 1) return readUnary(reader, code, name)
  if (operator.operands === 3 && (code === 'nw' || code === 'na')) return readNew(reader, name)
  const first = reader.expression()
  switch (code) {
    case 'cl':
      return sequence(operand(first.functionName ?? first), readArguments(reader))
    case 'qu': {
      const second = readOperand(reader)
      return sequence(operand(first), '?', second, ' : ', readOperand(reader))
    }
    case 'ix':
      return sequence(operand(first), '[', reader.expression(), ']')
    case 'dt':
    case 'pt':
      return sequence(operand(first), name, readMember(reader))
  }
  const joined = [operand(first), name, readOperand(reader)]
  // A bare `>` would end the template's arguments.
  return code === 'gt' || code === 'rs' ? sequence('(', ...joined, ')') : sequence(...joined)
}

function readUnary(reader: CxxGrammar, code: string, name: string): CxxNode {
  const isPrefix = (code !== 'pp' && code !== 'mm') || reader.text.accept('_')
  const value = reader.expression()
  if (!isPrefix) return sequence(operand(value), name)
  // Of a function whose address is taken parameters are left out where its name is nested, of a called one always.
  return sequence(name, operand(code === 'ad' && value.functionName?.nested ? value.functionName : value))
}

/** `nw <expression>* _ <type> E`, or with an initializer before the `E`. */
function readNew(reader: CxxGrammar, name: string): CxxNode {
  const placement: CxxNode[] = []
  while (!reader.text.accept('_')) placement.push(reader.expression())
  const type = reader.type()
  const where = placement.length > 0 ? listed(' (', placement, ')') : ''
  if (reader.text.accept('E')) return sequence(name, where, ' ', type)
  reader.text.expect('pi')
  return sequence(name, where, ' ', type, readArguments(reader))
}

function readMember(reader: CxxGrammar): CxxNode {
  return /[0-9]/.test(reader.text.peek()) ? readUnresolvedBase(reader) : reader.expression()
}

/** Expressions up to `E`, as the arguments of a call. */
function readArguments(reader: CxxGrammar, open = '(', close = ')'): CxxNode {
  const values: CxxNode[] = []
  while (!reader.text.accept('E')) values.push(reader.expression())
  return listed(open, values, close)
}

/** A name without scope, perhaps with template arguments. */
function readUnresolvedBase(reader: CxxGrammar): CxxNode {
  const name = reader.text.accept('on') ? reader.operatorName() : reader.sourceName()
  return withArgs(reader, name)
}

function withArgs(reader: CxxGrammar, name: CxxNode): CxxNode {
  return reader.text.peek() === 'I' ? templated(name, reader.templateArgs()) : name
}

/** `fp_` is the first parameter, `fp0_` the second; `fL` counts levels outward. */
function readParameter(reader: CxxGrammar): CxxNode {
  if (reader.text.accept('fpT')) return text('this')
  if (reader.text.accept('fL')) {
    reader.text.digits()
    reader.text.expect('p')
  } else reader.text.expect('fp')
  while (/[rVK]/.test(reader.text.peek())) reader.text.next()
  const number = reader.text.peek() === '_' ? 1 : reader.text.number() + 2
  reader.text.expect('_')
  return plain(`{parm#${number}}`)
}

function readFold(reader: CxxGrammar): CxxNode {
  reader.text.expect('f')
  const kind = reader.text.next()
  const code = reader.text.next() + reader.text.next()
  const name = findOperator(code)?.name ?? code
  const first = readOperand(reader)
  switch (kind) {
    case 'l':
      return sequence(`(...${name}`, first, ')')
    case 'r':
      return sequence('(', first, `${name}...)`)
    default:
      return sequence('(', first, `${name}...${name}`, readOperand(reader), ')')
  }
}

/** `sr <type> <name>`, `srN <type> <name>* E <name>`, and `sr <name>+ E <name>`. */
function readScoped(reader: CxxGrammar): CxxNode {
  let scope: CxxNode
  if (/[0-9]/.test(reader.text.peek())) {
    scope = readUnresolvedBase(reader)
    while (!reader.text.accept('E')) scope = nested(scope, readUnresolvedBase(reader))
  } else {
    const isNested = reader.text.accept('N')
    scope = reader.type()
    if (isNested) while (!reader.text.accept('E')) scope = nested(scope, readUnresolvedBase(reader))
  }
  const name = readUnresolvedBase(reader)
  return {...nested(scope, name), plain: name.plain}
}

/** `cv <type> <expression>` and `cv <type> _ <expression>* E`. */
function readConversion(reader: CxxGrammar): CxxNode {
  const type = reader.type()
  if (reader.text.accept('_')) return sequence('(', type, ')', readArguments(reader))
  return sequence('(', type, ')(', reader.expression(), ')')
}

function readCast(word: string): (reader: CxxGrammar) => CxxNode {
  return reader => {
    const type = reader.type()
    return sequence(`${word}<`, type, '>(', reader.expression(), ')')
  }
}

/** `sZ`: the number of a pack's elements where they are known. */
function readPackSize(reader: CxxGrammar): CxxNode {
  const pack = reader.text.peek() === 'f' ? readParameter(reader) : reader.templateParam()
  return {
    left: printer => {
      const {node} = printer.bind(pack, {...printer.scope, packIndex: -1})
      if (node.pack) printer.add(String(node.pack.length))
      else printer.whole(sequence('sizeof...(', pack, ')'))
    },
  }
}

/** `sP`: the number of arguments of a pack that is written out. */
function readArgumentCount(reader: CxxGrammar): CxxNode {
  let count = 0
  while (!reader.text.accept('E')) {
    reader.templateArg()
    count++
  }
  return text(String(count))
}

const NAMED: Readonly<Record<string, (reader: CxxGrammar) => CxxNode>> = {
  st: reader => sequence('sizeof (', reader.type(), ')'),
  sz: reader => sequence('sizeof ', readOperand(reader)),
  at: reader => sequence('alignof (', reader.type(), ')'),
  az: reader => sequence('alignof ', readOperand(reader)),
  ti: reader => sequence('typeid (', reader.type(), ')'),
  te: reader => sequence('typeid ', readOperand(reader)),
  nx: reader => sequence('noexcept ', readOperand(reader)),
  sp: reader => packExpansion(reader.expression()),
  sr: readScoped,
  cv: readConversion,
  sc: readCast('static_cast'),
  dc: readCast('dynamic_cast'),
  rc: readCast('reinterpret_cast'),
  cc: readCast('const_cast'),
  tl: reader => {
    const type = reader.type()
    return sequence(type, readArguments(reader, '{', '}'))
  },
  il: reader => readArguments(reader, '{', '}'),
  tw: reader => sequence('throw ', readOperand(reader)),
  tr: () => text('throw'),
  on: reader => withArgs(reader, reader.operatorName()),
  sZ: readPackSize,
  sP: readArgumentCount,
}
