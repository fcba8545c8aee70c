import {type Address, addressOfWord} from '../../base/address.ts'
import type {DataType} from '../../dwarf/data-type.ts'
import {findField, VISITS_MAX} from './field-search.ts'
import {LIBCXX_READERS} from './libcxx.ts'
import {
  associated,
  CXX_FIELDS,
  entry,
  isNarrow,
  LibraryObject,
  type LibraryReader,
  NODES_MAX,
  pointer,
  type ReadValue,
  SEARCH_DEPTH,
  sequence,
  take,
  text,
} from './library-object.ts'
import type {View} from './storage.ts'
import {isMissing, missingValue, plainValue, type Value} from './value.ts'
import {type Reading, within} from './value-reader.ts'

/** Types of libstdc++ and libc++, by the names of their own fields, as gdb shows them; undefined for all others. */
export function readCxxLibrary(type: DataType, view: View, reading: Reading, read: ReadValue): Value | undefined {
  const struct = type.bare
  if (struct.kind !== 'struct' || struct.name === undefined) return undefined
  const kind = /^[a-z_]+/.exec(struct.name)?.[0] ?? ''
  const reader = READERS[kind]
  if (!reader || !struct.scope?.startsWith('std')) return undefined
  const object = new LibraryObject(struct, view, reading, read)
  return reader(object) ?? LIBCXX_READERS[kind]?.(object)
}

const READERS: Readonly<Record<string, LibraryReader>> = {
  basic_string: readString,
  basic_string_view: readStringView,
  vector: readVector,
  unique_ptr: readUniquePointer,
  shared_ptr: readSharedPointer,
  weak_ptr: readSharedPointer,
  map: readTree,
  multimap: readTree,
  set: readTree,
  multiset: readTree,
  unordered_map: readHash,
  unordered_multimap: readHash,
  unordered_set: readHash,
  unordered_multiset: readHash,
  list: readList,
  deque: readDeque,
  optional: readOptional,
  array: readArray,
  variant: readVariant,
  tuple: readTuple,
}

/** Parts of a tuple, each of which is a base of the one before. */
const NODES_DEPTH = 64

function readString(object: LibraryObject): Value | undefined {
  if (!isNarrow(object) || !object.field('_M_string_length')) return undefined
  // Clang leaves the type of `_M_dataplus` to the library's own debug information: it is one pointer.
  const data = object.field('_M_p') ?? object.field('_M_dataplus')
  const word = data?.view.unsigned()
  const address = typeof word === 'bigint' ? addressOfWord(word) : undefined
  return text(object, address, object.number('_M_string_length'))
}

function readStringView(object: LibraryObject): Value | undefined {
  if (!isNarrow(object) || !object.field('_M_str')) return undefined
  const length = object.number('_M_len')
  return length === undefined ? object.missing() : text(object, object.address('_M_str'), length)
}

function readVector(object: LibraryObject): Value | undefined {
  const start = object.field('_M_start')
  if (!start || !object.field('_M_end_of_storage')) return undefined
  if (start.type.bare.kind !== 'pointer') return readBits(object)
  const [first, last, end] = ['_M_start', '_M_finish', '_M_end_of_storage'].map(name => object.address(name))
  const element = start.type.bare.target
  const size = element?.size ?? 0
  if (first === undefined || last === undefined || end === undefined) return object.missing()
  const count = (last - first) / size
  if (!Number.isInteger(count) || count < 0 || end < last) return object.missing()
  const parts = take(object, count, index => object.element(element, object.at(first + index * size)))
  const capacity = Math.floor((end - first) / size)
  return sequence(`${object.name} of length ${count}, capacity ${capacity}`, parts, count)
}

/** vector<bool>: words of bits, from one iterator to another. */
function readBits(object: LibraryObject): Value | undefined {
  const [start, finish] = [object.field('_M_start'), object.field('_M_finish')]
  if (!start || !finish) return undefined
  const place = ({type, view}: {type: DataType; view: View}): number | undefined => {
    const [word, offset] = ['_M_p', '_M_offset'].map(
      name => findField(type, view, name, SEARCH_DEPTH, CXX_FIELDS)?.view,
    )
    const [base, bit] = [word?.unsigned(), offset?.unsigned(4)]
    if (typeof base !== 'bigint' || typeof bit !== 'bigint') return undefined
    const address = addressOfWord(base)
    return address === undefined ? undefined : address * 8 + Number(bit)
  }
  const [first, last] = [place(start), place(finish)]
  if (first === undefined || last === undefined || last < first) return object.missing()
  const parts = take(object, last - first, index => {
    const bit = first + index
    const byte = object.at(Math.floor(bit / 8)).unsigned(1)
    if (isMissing(byte)) return missingValue(byte)
    const isSet = Math.floor(Number(byte) / 2 ** (bit % 8)) % 2 === 1
    return plainValue(String(isSet), isSet)
  })
  return sequence(`${object.name}<bool> of length ${last - first}`, parts, last - first)
}

function readUniquePointer(object: LibraryObject): Value | undefined {
  const held = tupleItems(object.type, object.view, SEARCH_DEPTH).find(({type}) => type.bare.kind === 'pointer')
  if (!held) return undefined
  const word = held.view.unsigned()
  return isMissing(word) ? missingValue(word) : pointer(object, word, held.type.bare.target)
}

/** What a tuple holds, in order: each part has its head in one base and the others in another. */
function tupleItems(
  type: DataType,
  view: View,
  depth: number,
  visits = {left: VISITS_MAX},
): {type: DataType; view: View}[] {
  if (visits.left-- <= 0) return []
  const parts = type.bare.members.filter(member => member.type && !member.isVirtual)
  const heads = parts.filter(({name}) => name === '_M_head_impl')
  const inner = parts.filter(({isBase, name}) => isBase || name === '_M_t')
  const isRest = (member: {type: DataType | undefined}) => member.type?.bare.name?.startsWith('_Tuple_impl<') === true
  const ordered = [...inner.filter(each => !isRest(each)), ...inner.filter(isRest)]
  return [
    ...heads.map(head => ({type: head.type as DataType, view: view.at(head.offset)})),
    ...(depth === 0
      ? []
      : ordered.flatMap(each => tupleItems(each.type as DataType, view.at(each.offset), depth - 1, visits))),
  ]
}

function readTuple(object: LibraryObject): Value | undefined {
  const items = tupleItems(object.type, object.view, NODES_DEPTH)
  if (items.length === 0) return undefined
  const parts = items.slice(0, object.most).map(({type, view}) => object.element(type, view))
  return sequence(object.name, parts, items.length)
}

function readSharedPointer(object: LibraryObject): Value | undefined {
  const held = object.field('_M_ptr')
  if (held?.type.bare.kind !== 'pointer') return undefined
  const word = held.view.unsigned()
  if (isMissing(word)) return missingValue(word)
  return pointer(object, word, held.type.bare.target, counts(object))
}

/** ` (use count 2, weak count 1)`, as the control block has it. */
function counts(object: LibraryObject): string {
  const control = object.field('_M_pi')
  const block = control?.type.bare.target
  const address = control?.view.unsigned()
  if (!block || typeof address !== 'bigint' || address === 0n) return ''
  const there = object.at(Number(address))
  const [uses, weak] = ['_M_use_count', '_M_weak_count'].map(name => {
    const word = findField(block, there, name, SEARCH_DEPTH, CXX_FIELDS)?.view.unsigned(4)
    return typeof word === 'bigint' ? Number(word) : undefined
  })
  if (uses === undefined || weak === undefined) return ''
  return ` (use count ${uses}, weak count ${uses > 0 ? weak - 1 : weak})`
}

/** Behind the red-black tree's own part of a node (stl_tree.h, _Rb_tree_node_base). */
const TREE_NODE_SIZE = 32

function readTree(object: LibraryObject): Value | undefined {
  const tree = object.type.members.find(({name}) => name === '_M_t')?.type
  const element = tree?.bare.templateTypes.get('_Val')
  const header = object.field('_M_header')
  const count = object.address('_M_node_count')
  if (!tree || !element || !header) return undefined
  if (count === undefined) return object.missing()
  const values: Value[] = []
  let node = object.address('_M_left')
  const nodes = new TreeWalk(object)
  for (let steps = 0; node && values.length < Math.min(count, object.most) && steps < NODES_MAX; steps++) {
    values.push(entry(object, element, object.at(node + TREE_NODE_SIZE)))
    node = nodes.next(node)
  }
  return associated(object, values, count, /^(?:multi)?map$/.test(object.name.slice('std::'.length)))
}

/** In-order steps by the links of each node: parent, left, right at 8, 16 and 24. */
class TreeWalk {
  readonly #object: LibraryObject

  constructor(object: LibraryObject) {
    this.#object = object
  }

  #link(node: number, offset: number): Address | undefined {
    const word = this.#object.at(node + offset).unsigned()
    return isMissing(word) ? undefined : addressOfWord(word)
  }

  next(node: number): Address | undefined {
    const right = this.#link(node, 24)
    if (right) return this.#leftmost(right)
    let at: number = node
    for (let steps = 0; steps < 256; steps++) {
      const parent = this.#link(at, 8)
      if (!parent) return undefined
      if (this.#link(parent, 24) !== at) return parent
      at = parent
    }
    return undefined
  }

  #leftmost(start: Address): Address | undefined {
    let node: Address | undefined = start
    for (let steps = 0; node && steps < 256; steps++) {
      const left: Address | undefined = this.#link(node, 16)
      if (!left) return node
      node = left
    }
    return undefined
  }
}

function readHash(object: LibraryObject): Value | undefined {
  const table = object.type.members.find(({name}) => name === '_M_h')?.type
  const element = table?.bare.templateTypes.get('_Value')
  const count = object.address('_M_element_count')
  if (!table || !element || !object.field('_M_before_begin')) return undefined
  if (count === undefined) return object.missing()
  const nodes = linkedNodes(object, object.address('_M_nxt'), Math.min(count, object.most))
  // The node begins with its link; the value follows where its alignment allows.
  const values = nodes.map(node => entry(object, element, object.at(node + 8)))
  return associated(object, values, count, /map$/.test(object.name))
}

/** Addresses of nodes that begin with a pointer to the next one. */
function linkedNodes(object: LibraryObject, first: Address | undefined, most: number): Address[] {
  const nodes: Address[] = []
  const seen = new Set<number>()
  let node = first
  while (node && nodes.length < most && !seen.has(node)) {
    seen.add(node)
    nodes.push(node)
    const next = object.at(node).unsigned()
    node = isMissing(next) ? undefined : addressOfWord(next)
  }
  return nodes
}

function readList(object: LibraryObject): Value | undefined {
  const element = object.type.templateTypes.get('_Tp')
  const head = object.field('_M_node')
  const start = head?.view.address
  if (!element || !head) return undefined
  const count = object.address('_M_size')
  if (start === undefined || count === undefined) return object.missing()
  const nodes = linkedNodes(object, object.address('_M_next'), Math.min(count, object.most) + 1)
  // The ring ends where it began: in the list itself.
  const own = nodes.filter(node => node !== start).slice(0, Math.min(count, object.most))
  const parts = own.map(node => object.element(element, object.at(node + 16)))
  return sequence(`${object.name} with ${count} ${count === 1 ? 'element' : 'elements'}`, parts, count)
}

/** Bytes of one of the blocks that a deque is made of (stl_deque.h, _GLIBCXX_DEQUE_BUF_SIZE). */
const DEQUE_BLOCK = 512

function readDeque(object: LibraryObject): Value | undefined {
  const element = object.type.templateTypes.get('_Tp')
  const [start, finish] = [object.field('_M_start'), object.field('_M_finish')]
  const size = element?.size
  if (!element || !start || !finish || !size) return undefined
  const perBlock = size < DEQUE_BLOCK ? Math.floor(DEQUE_BLOCK / size) : 1
  const part = ({type, view}: {type: DataType; view: View}, name: string): number | undefined => {
    const word = findField(type, view, name, 1, CXX_FIELDS)?.view.unsigned()
    return typeof word === 'bigint' ? addressOfWord(word) : undefined
  }
  const [current, first, node] = ['_M_cur', '_M_first', '_M_node'].map(name => part(start, name))
  const [lastCurrent, lastFirst, lastNode] = ['_M_cur', '_M_first', '_M_node'].map(name => part(finish, name))
  if (current === undefined || first === undefined || node === undefined) return object.missing()
  if (lastCurrent === undefined || lastFirst === undefined || lastNode === undefined) return object.missing()
  const skipped = (current - first) / size
  const count = ((lastNode - node) / 8) * perBlock + (lastCurrent - lastFirst) / size - skipped
  if (!Number.isInteger(count) || count < 0) return object.missing()
  const parts = take(object, count, index => {
    const at = skipped + index
    const block = object.at(node + Math.floor(at / perBlock) * 8).unsigned()
    if (isMissing(block)) return missingValue(block)
    return object.element(element, object.at(Number(block) + (at % perBlock) * size))
  })
  return sequence(`${object.name} with ${count} ${count === 1 ? 'element' : 'elements'}`, parts, count)
}

function readOptional(object: LibraryObject): Value | undefined {
  const [engaged, held] = [object.number('_M_engaged'), object.field('_M_value')]
  if (!held) return undefined
  if (engaged === undefined) return object.missing()
  if (engaged === 0n) return plainValue(`${object.name} [no contained value]`, null)
  const value = object.element(held.type, held.view)
  return {...value, text: `${object.name} = ${value.text}`}
}

/** The alternative that is there, of a union of the first and all others (_Variadic_union). */
function readVariant(object: LibraryObject): Value | undefined {
  const index = object.field('_M_index')
  const union = object.field('_M_u')
  if (!index || !union) return undefined
  const size = index.type.size ?? 1
  const word = index.view.unsigned(size)
  if (isMissing(word)) return missingValue(word)
  if (word === 2n ** BigInt(size * 8) - 1n) return plainValue(`${object.name} [no contained value]`, null)
  let at: {type: DataType; view: View} | undefined = union
  for (let rest = Number(word); at && rest > 0; rest--) at = findField(at.type, at.view, '_M_rest', 1, CXX_FIELDS)
  const held = at && findField(at.type, at.view, '_M_first', 1, CXX_FIELDS)
  const stored = held && (findField(held.type, held.view, '_M_storage', 1, CXX_FIELDS) ?? held)
  if (!held || !stored) return object.missing()
  // What has to be destroyed lies in bytes, whose type the template knows.
  const value = object.element(held.type.bare.templateTypes.get('_Type') ?? stored.type, stored.view)
  return {
    ...value,
    text: `${object.name} [index ${word}] = ${value.text}`,
    structured: {index: Number(word), value: value.structured},
  }
}

function readArray(object: LibraryObject): Value | undefined {
  const held = object.field('_M_elems')
  return held && object.read(held.type, held.view, within(object.reading, 0))
}
