import type {CxxReader} from './cxx-demangle.ts'
import {
  type CxxNode,
  MangledNameError,
  nested,
  packExpansion,
  plain,
  prefixed,
  printNode,
  templated,
  text,
} from './cxx-nodes.ts'
import {readType} from './cxx-types.ts'
import {findOperator} from './cxx-words.ts'

/** Suffixes of integer literals by the code of their type; other types are written as a cast. */
const LITERAL_SUFFIX: Readonly<Record<string, string>> = {i: '', j: 'u', l: 'l', m: 'ul', x: 'll', y: 'ull'}

/** `L…E` (Itanium C++ ABI, 5.1.6, <expr-primary>). */
export function readLiteral(reader: CxxReader): CxxNode {
  reader.text.expect('L')
  if (reader.text.accept('_Z') || reader.text.accept('Z')) {
    const entity = reader.encoding(true)
    reader.text.expect('E')
    return entity
  }
  const code = reader.text.peek()
  const suffix = LITERAL_SUFFIX[code]
  const type = readType(reader)
  const sign = reader.text.accept('n') ? '-' : ''
  const value = reader.text.until('E')
  if (code === 'b' && sign === '' && (value === '0' || value === '1')) return text(value === '1' ? 'true' : 'false')
  if (suffix !== undefined) return text(`${sign}${value}${suffix}`)
  const isFloat = code === 'f' || code === 'd' || code === 'e' || code === 'g'
  if (isFloat) return prefixed('(', type, `)${sign}[${value}]`)
  if (printNode(type) === 'decltype(nullptr)')
    return text(value === '' ? 'decltype(nullptr)' : `(decltype(nullptr))${value}`)
  return prefixed('(', type, `)${sign}${value}`)
}

/** <expression> of 5.1.6. */
export function readExpression(reader: CxxReader): CxxNode {
  return reader.nest(() => read(reader))
}

function read(reader: CxxReader): CxxNode {
  const next = reader.text.peek()
  if (next === 'L') return readLiteral(reader)
  if (next === 'T') return reader.templateParam()
  if (next === 'f' && /^f[pL]/.test(reader.text.peekTwo())) return readParameter(reader)
  if (next === 'f' && /^f[lrLR]/.test(reader.text.peekTwo())) return readFold(reader)
  if (/[0-9]/.test(next)) return readUnresolvedBase(reader)
  const two = reader.text.peekTwo()
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
function operand(node: CxxNode): string {
  return node.plain ? printNode(node) : `(${printNode(node)})`
}

function readOperator(reader: CxxReader, code: string, operator: {name: string; operands: number}): CxxNode {
  const {name} = operator
  if (operator.operands === 1) {
    if (code === 'pp' || code === 'mm') {
      const isPrefix = reader.text.accept('_')
      const value = operand(readExpression(reader))
      return text(isPrefix ? name + value : value + name)
    }
    return text(name + operand(readExpression(reader)))
  }
  const first = readExpression(reader)
  if (code === 'cl') return text(`${operand(first)}${readArguments(reader)}`)
  if (code === 'qu') {
    const second = operand(readExpression(reader))
    return text(`${operand(first)}?${second} : ${operand(readExpression(reader))}`)
  }
  if (code === 'ix') return text(`${operand(first)}[${printNode(readExpression(reader))}]`)
  if (code === 'dt' || code === 'pt') return text(`${operand(first)}${name}${printNode(readMember(reader))}`)
  const joined = `${operand(first)}${name}${operand(readExpression(reader))}`
  return text(code === 'gt' || code === 'rs' ? `(${joined})` : joined)
}

function readMember(reader: CxxReader): CxxNode {
  return /[0-9]/.test(reader.text.peek()) ? readUnresolvedBase(reader) : readExpression(reader)
}

/** Expressions up to `E`, as the arguments of a call. */
function readArguments(reader: CxxReader): string {
  const values: CxxNode[] = []
  while (!reader.text.accept('E')) values.push(readExpression(reader))
  return printNode({
    left: printer => {
      printer.add('(')
      printer.list(values)
      printer.add(')')
    },
  })
}

/** A name without scope, perhaps with template arguments. */
function readUnresolvedBase(reader: CxxReader): CxxNode {
  const name = reader.text.accept('on') ? reader.operatorName() : reader.sourceName()
  return reader.text.peek() === 'I' ? templated(name, reader.templateArgs(false)) : name
}

/** `fp_` is the first parameter, `fp0_` the second; `fL` counts levels outward. */
function readParameter(reader: CxxReader): CxxNode {
  if (reader.text.accept('fpT')) return text('this')
  if (reader.text.accept('fL')) {
    reader.text.digits()
    reader.text.expect('p')
  } else reader.text.expect('fp')
  while (/[rVK]/.test(reader.text.peek())) reader.text.next()
  const digits = reader.text.digits()
  reader.text.expect('_')
  return plain(`{parm#${digits === '' ? 1 : Number(digits) + 2}}`)
}

function readFold(reader: CxxReader): CxxNode {
  reader.text.expect('f')
  const kind = reader.text.next()
  const code = reader.text.next() + reader.text.next()
  const name = findOperator(code)?.name ?? code
  const first = operand(readExpression(reader))
  switch (kind) {
    case 'l':
      return text(`(...${name}${first})`)
    case 'r':
      return text(`(${first}${name}...)`)
    default:
      return text(`(${first}${name}...${name}${operand(readExpression(reader))})`)
  }
}

/** `sr <type> <name>`, `srN <type> <name>* E <name>`, and `sr <name>+ E <name>`. */
function readScoped(reader: CxxReader): CxxNode {
  let scope: CxxNode
  if (/[0-9]/.test(reader.text.peek())) {
    scope = readUnresolvedBase(reader)
    while (!reader.text.accept('E')) scope = nested(scope, readUnresolvedBase(reader))
  } else {
    const isNested = reader.text.accept('N')
    scope = readType(reader)
    if (isNested) while (!reader.text.accept('E')) scope = nested(scope, readUnresolvedBase(reader))
  }
  const name = readUnresolvedBase(reader)
  return {...nested(scope, name), plain: name.plain}
}

/** `cv <type> <expression>` and `cv <type> _ <expression>* E`. */
function readConversion(reader: CxxReader): CxxNode {
  const type = printNode(readType(reader))
  if (reader.text.accept('_')) return text(`(${type})${readArguments(reader)}`)
  return text(`(${type})(${printNode(readExpression(reader))})`)
}

function readCast(word: string): (reader: CxxReader) => CxxNode {
  return reader => {
    const type = printNode(readType(reader))
    return text(`${word}<${type}>(${printNode(readExpression(reader))})`)
  }
}

function readBraces(reader: CxxReader): string {
  return readArguments(reader).replace(/^\(/, '{').replace(/\)$/, '}')
}

const NAMED: Readonly<Record<string, (reader: CxxReader) => CxxNode>> = {
  st: reader => prefixed('sizeof (', readType(reader), ')'),
  sz: reader => text(`sizeof ${operand(readExpression(reader))}`),
  at: reader => prefixed('alignof (', readType(reader), ')'),
  az: reader => text(`alignof ${operand(readExpression(reader))}`),
  ti: reader => prefixed('typeid (', readType(reader), ')'),
  te: reader => text(`typeid ${operand(readExpression(reader))}`),
  nx: reader => text(`noexcept ${operand(readExpression(reader))}`),
  sp: reader => packExpansion(readExpression(reader)),
  sr: readScoped,
  cv: readConversion,
  sc: readCast('static_cast'),
  dc: readCast('dynamic_cast'),
  rc: readCast('reinterpret_cast'),
  cc: readCast('const_cast'),
  tl: reader => {
    const type = printNode(readType(reader))
    return text(type + readBraces(reader))
  },
  il: reader => text(readBraces(reader)),
  tw: reader => text(`throw ${operand(readExpression(reader))}`),
  tr: () => text('throw'),
  on: reader => {
    const name = reader.operatorName()
    return reader.text.peek() === 'I' ? templated(name, reader.templateArgs(false)) : name
  },
  sZ: reader => {
    const pack = reader.text.peek() === 'f' ? readParameter(reader) : reader.templateParam()
    return text(pack.pack ? String(pack.pack.length) : `sizeof...(${printNode(pack)})`)
  },
  sP: reader => {
    let count = 0
    while (!reader.text.accept('E')) {
      reader.templateArg()
      count++
    }
    return text(String(count))
  },
}
