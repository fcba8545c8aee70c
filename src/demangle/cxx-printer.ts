import {MangledNameError} from './mangled-text.ts'

/**
 * A mangled C++ name as a tree that prints itself, in the spelling of GNU's demangler (`> >`, `char const*`), which gdb
 * and addr2line share. Declarators surround what they declare, so every node has a left and a right part: in `int
 * (*)(char)` the pointer's parts are `int (*` and `)(char)`.
 */
export interface CxxNode {
  left(printer: Printer): void
  right?(printer: Printer): void
  /** What needs parentheses around a pointer to it. */
  readonly shape?: 'array' | 'function' | undefined
  /** What a constructor of this is called: the name without scope and template arguments. */
  readonly base?: string | undefined
  /** Elements, for a parameter pack. */
  readonly pack?: readonly CxxNode[] | undefined
  /** Of a template parameter, which stands for an argument of the template that is being printed. */
  readonly parameter?: number | undefined
  readonly reference?: '&' | '&&' | undefined
  /** What a pointer or reference points to. */
  readonly pointee?: CxxNode | undefined
  /** What a `const` or the like is added to. */
  readonly qualifies?: CxxNode | undefined
  readonly words?: string | undefined
  /** A name, which needs no parentheses as an operand. */
  readonly plain?: true | undefined
  /** `scope::name`. */
  readonly nested?: true | undefined
  /** Of a function: its name, which is all that a call in an expression needs. */
  readonly functionName?: CxxNode | undefined
}

/** What template parameters and packs stand for at a place in the tree. */
export interface Scope {
  readonly template: TemplateScope | undefined
  /** Element of the pack expansion that is being printed; -1 outside one. */
  readonly packIndex: number
}

/** The arguments of one template, and what those arguments may refer to themselves. */
export interface TemplateScope {
  readonly args: readonly CxxNode[]
  readonly outer: TemplateScope | undefined
}

/** A node with what its parameters stand for. */
export interface Bound {
  readonly node: CxxNode
  readonly scope: Scope
}

/**
 * Longer is no name but an attack, for each substitution can double the text; the longest of LLVM and boost have a
 * tenth.
 */
const TEXT_LIMIT = 32 * 1024
const DEPTH_LIMIT = 1000
/** Nodes that are printed, again each time that something refers to them. */
const STEP_LIMIT = 100_000

/** Collects text; knows what template parameters and the packs of an expansion stand for. */
export class Printer {
  scope: Scope = {template: undefined, packIndex: -1}
  /** Arguments of the template whose name is being printed, which the type of a conversion operator may refer to. */
  namedArgs: readonly CxxNode[] | undefined
  /** Elements of the expansion that is being printed; -1 until its first pack is met. */
  packLength = -1
  /** Whether the last thing printed was a pack without elements. */
  endsEmpty = false
  readonly #firstReferred = new Map<CxxNode, Scope>()
  /** References that are being printed, and what they refer to. */
  readonly #within = new Set<CxxNode>()
  readonly #pieces: string[] = []
  #length = 0
  #depth = 0
  #steps = 0

  get text(): string {
    return this.#pieces.join('')
  }

  /** The place to go back to. */
  get mark(): number {
    return this.#pieces.length
  }

  add(text: string): void {
    if (text === '') return
    this.#pieces.push(text)
    this.#length += text.length
    this.endsEmpty = false
    if (this.#length > TEXT_LIMIT) throw new MangledNameError('too long')
  }

  rewind(mark: number): void {
    for (const piece of this.#pieces.splice(mark)) this.#length -= piece.length
  }

  /** The last character. */
  get last(): string {
    return this.#pieces[this.#pieces.length - 1]?.at(-1) ?? ''
  }

  left(node: CxxNode): void {
    this.#enter()
    node.left(this)
    this.#depth--
  }

  right(node: CxxNode): void {
    if (!node.right) return
    this.#enter()
    node.right(this)
    this.#depth--
  }

  whole(node: CxxNode): void {
    this.left(node)
    this.right(node)
  }

  #enter(): void {
    if (++this.#depth > DEPTH_LIMIT || ++this.#steps > STEP_LIMIT) throw new MangledNameError('too deep')
  }

  within(scope: Scope, print: () => void): void {
    const {scope: before, packLength} = this
    this.scope = scope
    print()
    this.scope = before
    if (before.packIndex !== scope.packIndex) this.packLength = packLength
  }

  /** What a node stands for here: parameters give way to arguments, packs to the element that is being printed. */
  bind(node: CxxNode, scope = this.scope): Bound {
    let bound: Bound = {node, scope}
    for (let limit = 0; limit < DEPTH_LIMIT; limit++) {
      const further = this.#step(bound)
      if (!further) return bound
      bound = further
    }
    throw new MangledNameError('too deep')
  }

  #step({node, scope: {template, packIndex}}: Bound): Bound | undefined {
    if (node.parameter !== undefined) {
      const argument = template?.args[node.parameter]
      if (!argument) throw new MangledNameError('unknown template parameter')
      // What an argument is made of knows nothing of the expansion that it is printed in; a pack gives its element.
      return {node: argument, scope: {template: template?.outer, packIndex: argument.pack ? packIndex : -1}}
    }
    if (!node.pack || packIndex < 0) return undefined
    if (this.packLength < 0) this.packLength = node.pack.length
    return {node: node.pack[packIndex] ?? NOTHING, scope: {template, packIndex: -1}}
  }

  /**
   * What a reference refers to. A template parameter keeps, as in GNU's and LLVM's demangler, what it stood for where a
   * reference named it first: an abbreviation of it may stand in the parameters of another template.
   */
  bindReferenced(reference: CxxNode, node: CxxNode): Bound {
    if (node.parameter === undefined) return this.bind(node)
    const first = this.#firstReferred.get(node)
    if (!first) this.#firstReferred.set(node, this.scope)
    if (!first || this.#within.has(node) || this.#within.has(reference)) return this.bind(node)
    return this.bind(node, {...this.scope, template: first.template})
  }

  /** Prints what a reference refers to. */
  referred(reference: CxxNode, node: CxxNode, print: () => void): void {
    const isOuter = [reference, node].filter(each => !this.#within.has(each))
    for (const each of isOuter) this.#within.add(each)
    print()
    for (const each of isOuter) this.#within.delete(each)
  }

  boundLeft({node, scope}: Bound): void {
    this.within(scope, () => this.left(node))
  }

  boundRight({node, scope}: Bound): void {
    this.within(scope, () => this.right(node))
  }

  /** With commas between; an empty pack takes none. */
  list(nodes: readonly CxxNode[]): void {
    let first = true
    for (const node of nodes) {
      const before = this.mark
      if (!first) this.add(', ')
      const start = this.mark
      this.whole(node)
      if (this.mark > start) first = false
      else {
        this.rewind(before)
        this.endsEmpty = true
      }
    }
  }
}

/** An element that a pack does not have. */
const NOTHING: CxxNode = {left: () => undefined}

export function printNode(node: CxxNode): string {
  const printer = new Printer()
  printer.whole(node)
  return printer.text
}

export function text(value: string, base: string = value): CxxNode {
  return {left: printer => printer.add(value), base}
}

/** Texts and nodes one after the other. */
export function sequence(...parts: readonly (string | CxxNode)[]): CxxNode {
  return {
    left: printer => {
      for (const part of parts) {
        if (typeof part === 'string') printer.add(part)
        else printer.whole(part)
      }
    },
  }
}

/** Nodes with commas between, in brackets. */
export function listed(open: string, nodes: readonly CxxNode[], close: string): CxxNode {
  return {
    left: printer => {
      printer.add(open)
      printer.list(nodes)
      printer.add(close)
    },
  }
}
