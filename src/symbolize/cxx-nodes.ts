/**
 * A mangled C++ name as a tree that prints itself, in the spelling of GNU's demangler (`> >`, `char const*`), which two of
 * the three common tools share. Declarators surround what they declare, so every node has a left and a right part:
 * in `int (*)(char)` the pointer's parts are `int (*` and `)(char)`.
 */
export interface CxxNode {
  left(printer: Printer): void
  right?(printer: Printer): void
  readonly shape?: 'array' | 'function' | undefined
  /** What a constructor of this is called: the name without scope and template arguments. */
  readonly base?: string | undefined
  /** Elements, for a parameter pack. */
  readonly pack?: readonly CxxNode[] | undefined
  readonly reference?: '&' | '&&' | undefined
  /** What a reference refers to. */
  readonly child?: CxxNode | undefined
  /** What a `const` or the like is added to. */
  readonly qualifies?: CxxNode | undefined
  /** A name, which needs no parentheses as an operand. */
  readonly plain?: true | undefined
}

/** Longer is no name but an attack: each substitution can double the text. */
const TEXT_LIMIT = 256 * 1024
const DEPTH_LIMIT = 512

export class MangledNameError extends Error {}

/** Collects text; knows which element of a parameter pack is being printed. */
export class Printer {
  text = ''
  /** Element of the pack expansion that is being printed; -1 outside one. */
  packIndex = -1
  /** Elements of the expansion; -1 until its first pack is met. */
  packLength = -1
  /** Whether the last thing printed was a pack without elements. */
  endsEmpty = false
  #depth = 0

  add(text: string): void {
    this.text += text
    this.endsEmpty = false
    if (this.text.length > TEXT_LIMIT) throw new MangledNameError('too long')
  }

  left(node: CxxNode): void {
    if (++this.#depth > DEPTH_LIMIT) throw new MangledNameError('too deep')
    node.left(this)
    this.#depth--
  }

  right(node: CxxNode): void {
    if (++this.#depth > DEPTH_LIMIT) throw new MangledNameError('too deep')
    node.right?.(this)
    this.#depth--
  }

  whole(node: CxxNode): void {
    this.left(node)
    this.right(node)
  }

  /** With commas between; an empty pack takes none. */
  list(nodes: readonly CxxNode[]): void {
    let first = true
    for (const node of nodes) {
      const before = this.text
      if (!first) this.add(', ')
      const start = this.text.length
      this.whole(node)
      if (this.text.length > start) first = false
      else {
        this.text = before
        this.endsEmpty = true
      }
    }
  }

  lastIs(character: string): boolean {
    return this.text.endsWith(character)
  }
}

export function printNode(node: CxxNode): string {
  const printer = new Printer()
  printer.whole(node)
  return printer.text
}

export function text(value: string, base: string = value): CxxNode {
  return {left: printer => printer.add(value), base}
}

/** A name in an expression. */
export function plain(value: string): CxxNode {
  return {...text(value), plain: true}
}

export function nested(scope: CxxNode, name: CxxNode): CxxNode {
  return {
    left: printer => {
      printer.whole(scope)
      printer.add('::')
      printer.whole(name)
    },
    base: name.base,
    plain: true,
  }
}

/** A name with template arguments; inside a pack expansion they see its element. */
export function templated(name: CxxNode, args: readonly CxxNode[]): CxxNode {
  return {
    left: printer => {
      printer.whole(name)
      printer.add(printer.lastIs('<') ? ' <' : '<')
      // both GNU's and LLVM's demangler forget the space behind an empty pack
      printer.list(args)
      printer.add(printer.lastIs('>') && !printer.endsEmpty ? ' >' : '>')
    },
    base: name.base,
  }
}

export function prefixed(prefix: string, node: CxxNode, suffix = ''): CxxNode {
  return {
    left: printer => {
      printer.add(prefix)
      printer.whole(node)
      printer.add(suffix)
    },
    base: node.base,
  }
}

export function tagged(name: CxxNode, tag: string): CxxNode {
  return {...prefixed('', name, `[abi:${tag}]`), base: name.base}
}

/** A type with `const`, `volatile` or another word behind it. */
export function qualified(child: CxxNode, words: string): CxxNode {
  return {
    left: printer => {
      printer.left(child)
      printer.add(words)
    },
    right: printer => printer.right(child),
    shape: child.shape,
    qualifies: child,
  }
}

function openDeclarator(printer: Printer, child: CxxNode): void {
  printer.left(child)
  const shape = shapeOf(child, printer)
  if (shape === 'array') printer.add(' ')
  if (shape) printer.add('(')
}

function closeDeclarator(printer: Printer, child: CxxNode): void {
  if (shapeOf(child, printer)) printer.add(')')
  printer.right(child)
}

/** The element, where a pack stands for one. */
function elementOf(node: CxxNode, printer: Printer): CxxNode {
  if (!node.pack || printer.packIndex < 0) return node
  if (printer.packLength < 0) printer.packLength = node.pack.length
  const element = node.pack[printer.packIndex]
  return element ? closed(element) : node
}

function shapeOf(node: CxxNode, printer: Printer): CxxNode['shape'] {
  let at = elementOf(node, printer)
  for (let limit = 0; at.qualifies && limit < 16; limit++) at = elementOf(at.qualifies, printer)
  return at.shape
}

/** An argument of a pack knows nothing of the expansion it is printed in: packs inside it are whole. */
function closed(node: CxxNode): CxxNode {
  const apart = (printer: Printer, print: () => void): void => {
    const {packIndex, packLength} = printer
    printer.packIndex = -1
    print()
    printer.packIndex = packIndex
    printer.packLength = packLength
  }
  return {
    left: printer => apart(printer, () => printer.left(node)),
    right: printer => apart(printer, () => printer.right(node)),
    shape: node.shape,
    reference: node.reference,
    child: node.child && closed(node.child),
    qualifies: node.qualifies && closed(node.qualifies),
  }
}

export function pointer(child: CxxNode): CxxNode {
  return {
    left: printer => {
      openDeclarator(printer, child)
      printer.add('*')
    },
    right: printer => closeDeclarator(printer, child),
  }
}

/** References to references collapse: `T& &&` is `T&`. */
export function reference(child: CxxNode, sign: '&' | '&&'): CxxNode {
  const collapse = (printer: Printer): {target: CxxNode; sign: '&' | '&&'} => {
    let target = elementOf(child, printer)
    let collapsed = sign
    for (let limit = 0; target.reference && target.child && limit < 16; limit++) {
      if (target.reference === '&') collapsed = '&'
      target = elementOf(target.child, printer)
    }
    return {target, sign: collapsed}
  }
  return {
    left: printer => {
      const {target, sign: collapsed} = collapse(printer)
      openDeclarator(printer, target)
      printer.add(collapsed)
    },
    right: printer => closeDeclarator(printer, collapse(printer).target),
    reference: sign,
    child,
  }
}

export function memberPointer(owner: CxxNode, member: CxxNode): CxxNode {
  return {
    left: printer => {
      printer.left(member)
      printer.add(member.shape === 'function' ? '(' : member.shape === 'array' ? ' (' : ' ')
      printer.whole(owner)
      printer.add('::*')
    },
    right: printer => {
      if (member.shape) printer.add(')')
      printer.right(member)
    },
  }
}

export function array(element: CxxNode, dimension: CxxNode | undefined): CxxNode {
  return {
    left: printer => printer.left(element),
    right: printer => {
      printer.add(printer.lastIs(']') ? '[' : ' [')
      if (dimension) printer.whole(dimension)
      printer.add(']')
      printer.right(element)
    },
    shape: 'array',
  }
}

export interface FunctionParts {
  result: CxxNode | undefined
  parameters: readonly CxxNode[]
  /** ` const`, ` &`, ` noexcept` and the like. */
  suffix: string
}

function printParameters(printer: Printer, parameters: readonly CxxNode[]): void {
  printer.add('(')
  printer.list(parameters)
  printer.add(')')
}

export function functionType({result, parameters, suffix}: FunctionParts): CxxNode {
  return {
    left: printer => {
      if (!result) return
      printer.left(result)
      printer.add(' ')
    },
    right: printer => {
      printParameters(printer, parameters)
      if (result) printer.right(result)
      printer.add(suffix)
    },
    shape: 'function',
  }
}

/** A function's name with its parameters, and with its result where that is part of the mangling. */
export function encoding(name: CxxNode, {result, parameters, suffix}: FunctionParts): CxxNode {
  return {
    left: printer => {
      if (result) {
        printer.left(result)
        if (!result.right || !hasDeclarator(result)) printer.add(' ')
      }
      printer.whole(name)
      printParameters(printer, parameters)
      if (result) printer.right(result)
      printer.add(suffix)
    },
  }
}

/** Whether a type's right part holds text, so that its left one ends with an open parenthesis. */
function hasDeclarator(node: CxxNode): boolean {
  const printer = new Printer()
  printer.right(node)
  return printer.text !== ''
}

/** The arguments that a `J…E` or a pack parameter stands for. */
export function packOf(elements: readonly CxxNode[]): CxxNode {
  const each = (printer: Printer, print: (node: CxxNode) => void): void => {
    if (printer.packIndex < 0) return
    if (printer.packLength < 0) printer.packLength = elements.length
    const element = elements[printer.packIndex]
    if (element) print(closed(element))
  }
  return {
    left: printer => (printer.packIndex < 0 ? printer.list(elements) : each(printer, node => printer.left(node))),
    right: printer => each(printer, node => printer.right(node)),
    pack: elements,
  }
}

/** `pattern...`: printed once for each element of the packs in it. */
export function packExpansion(pattern: CxxNode): CxxNode {
  return {
    left: printer => {
      const {packIndex, packLength, text: before} = printer
      printer.packIndex = 0
      printer.packLength = -1
      printer.whole(pattern)
      const length = printer.packLength
      if (length < 0) printer.add('...')
      else if (length === 0) printer.text = before
      for (let element = 1; element < length; element++) {
        printer.packIndex = element
        printer.add(', ')
        printer.whole(pattern)
      }
      printer.packIndex = packIndex
      printer.packLength = packLength
    },
  }
}
