import type {CxxReader} from './cxx-demangle.ts'
import {readExpression} from './cxx-expressions.ts'
import {
  array,
  type CxxNode,
  functionType,
  memberPointer,
  packExpansion,
  pointer,
  printNode,
  qualified,
  reference,
  templated,
  text,
} from './cxx-nodes.ts'
import {BUILTIN_TYPES, EXTENDED_TYPES} from './cxx-words.ts'

/** <type> of the Itanium C++ ABI, 5.1.5. */
export function readType(reader: CxxReader): CxxNode {
  return reader.nest(() => readTypeBody(reader))
}

function readTypeBody(reader: CxxReader): CxxNode {
  const next = reader.text.peek()
  const builtin = BUILTIN_TYPES[next]
  if (builtin !== undefined) {
    reader.text.skip(1)
    return text(builtin)
  }
  switch (next) {
    case 'r':
    case 'V':
    case 'K':
      return readQualifiedType(reader)
    case 'P':
      reader.text.skip(1)
      return reader.remember(pointer(readType(reader)))
    case 'R':
      reader.text.skip(1)
      return reader.remember(reference(readType(reader), '&'))
    case 'O':
      reader.text.skip(1)
      return reader.remember(reference(readType(reader), '&&'))
    case 'C':
      reader.text.skip(1)
      return reader.remember(qualified(readType(reader), ' _Complex'))
    case 'G':
      reader.text.skip(1)
      return reader.remember(qualified(readType(reader), ' _Imaginary'))
    case 'F':
      return reader.remember(readFunctionType(reader, ''))
    case 'A':
      return reader.remember(readArrayType(reader))
    case 'M': {
      reader.text.skip(1)
      const owner = readType(reader)
      return reader.remember(memberPointer(owner, readType(reader)))
    }
    case 'u':
      reader.text.skip(1)
      return reader.remember(readVendorType(reader))
    case 'U':
      if (reader.text.peek(1) !== 'l' && reader.text.peek(1) !== 't') return readVendorQualified(reader)
      break
    case 'D': {
      const type = readExtendedType(reader)
      if (type) return type
      break
    }
    case 'T': {
      if (/^T[sue]/.test(reader.text.peekTwo())) {
        reader.text.skip(2)
        return reader.remember(reader.name())
      }
      const param = reader.remember(reader.templateParam())
      // behind the type of a conversion operator stand the operator's own arguments
      const hasArgs = reader.text.peek() === 'I' && !reader.inConversion
      return hasArgs ? reader.remember(reader.withArgs(param)) : param
    }
    case 'S':
      if (reader.text.peek(1) !== 't') {
        const name = reader.substitution()
        return reader.text.peek() === 'I' ? reader.remember(reader.withArgs(name)) : name
      }
      break
  }
  return reader.remember(reader.name())
}

function readVendorType(reader: CxxReader): CxxNode {
  const name = reader.sourceName()
  return reader.text.peek() === 'I' ? reader.withArgs(name) : name
}

function readVendorQualified(reader: CxxReader): CxxNode {
  reader.text.skip(1)
  const name = reader.text.sourceText()
  const args = reader.text.peek() === 'I' ? reader.templateArgs(false) : undefined
  const words = args ? printNode(templated(text(name), args)) : name
  return reader.remember(qualified(readType(reader), ` ${words}`))
}

function readQualifiedType(reader: CxxReader): CxxNode {
  const words = reader.qualifiers()
  // qualifiers of a function type stand behind its parameters
  if (reader.text.peek() === 'F' || /^D[oOwx]/.test(reader.text.peekTwo()))
    return reader.remember(readFunctionType(reader, words))
  return reader.remember(qualified(readType(reader), words))
}

function readFunctionType(reader: CxxReader, words: string): CxxNode {
  let exceptions = ''
  if (reader.text.accept('Do')) exceptions = ' noexcept'
  else if (reader.text.accept('DO')) {
    exceptions = ` noexcept(${printNode(readExpression(reader))})`
    reader.text.expect('E')
  } else if (reader.text.accept('Dw')) {
    const thrown: CxxNode[] = []
    while (!reader.text.accept('E')) thrown.push(readType(reader))
    exceptions = ` throw(${thrown.map(printNode).join(', ')})`
  }
  if (reader.text.accept('Dx')) exceptions += ' transaction_safe'
  reader.text.expect('F')
  reader.text.accept('Y')
  const result = readType(reader)
  const parameters: CxxNode[] = []
  let suffix = words
  while (!reader.text.accept('E')) {
    if (reader.text.peekTwo() === 'RE') {
      suffix += ' &'
      reader.text.skip(1)
    } else if (reader.text.peekTwo() === 'OE') {
      suffix += ' &&'
      reader.text.skip(1)
    } else if (!reader.text.accept('v')) parameters.push(readType(reader))
  }
  return functionType({result, parameters, suffix: suffix + exceptions})
}

function readArrayType(reader: CxxReader): CxxNode {
  reader.text.expect('A')
  let dimension: CxxNode | undefined
  if (/[0-9]/.test(reader.text.peek())) dimension = text(reader.text.digits())
  else if (reader.text.peek() !== '_') dimension = readExpression(reader)
  reader.text.expect('_')
  return array(readType(reader), dimension)
}

/** Types that start with D; undefined for a name that does. */
function readExtendedType(reader: CxxReader): CxxNode | undefined {
  const two = reader.text.peekTwo()
  const builtin = EXTENDED_TYPES[two]
  if (builtin !== undefined) {
    reader.text.skip(2)
    return text(builtin)
  }
  switch (two) {
    case 'Dt':
    case 'DT':
      return reader.remember(reader.decltype())
    case 'Dp':
      reader.text.skip(2)
      return reader.remember(packExpansion(readType(reader)))
    case 'Dv': {
      reader.text.skip(2)
      const dimension = /[0-9]/.test(reader.text.peek())
        ? reader.text.digits()
        : reader.text.accept('_')
          ? printNode(readExpression(reader))
          : ''
      reader.text.expect('_')
      return reader.remember(qualified(readType(reader), ` __vector(${dimension})`))
    }
    case 'Do':
    case 'DO':
    case 'Dw':
    case 'Dx':
      return reader.remember(readFunctionType(reader, ''))
    case 'DF': {
      reader.text.skip(2)
      const bits = reader.text.number()
      const extended = reader.text.accept('x') ? 'x' : ''
      if (reader.text.accept('b')) return text(`std::bfloat${bits}_t`)
      reader.text.accept('_')
      return text(`_Float${bits}${extended}`)
    }
    case 'DB':
    case 'DU': {
      reader.text.skip(2)
      const bits = reader.text.until('_')
      return text(two === 'DB' ? `_BitInt(${bits})` : `unsigned _BitInt(${bits})`)
    }
  }
  return undefined
}
