import {type Address, addressOfWord} from '../../base/address.ts'
import type {DataType} from '../../dwarf/data-type.ts'
import {type Field, findField} from './field-search.ts'
import {
  associated,
  CXX_FIELDS,
  isNarrow,
  keyed,
  type LibraryObject,
  type LibraryReader,
  NODES_MAX,
  pointer,
  SEARCH_DEPTH,
  sequence,
  take,
  text,
} from './library-object.ts'
import type {View} from './storage.ts'
import {isMissing, missingValue, plainValue, type Value} from './value.ts'
import {within} from './value-reader.ts'

/**
 * Types of LLVM's libc++ (clang's -stdlib=libc++) by the names of their own fields. Some are called otherwise from
 * release 16 or 20 on: both names are asked for.
 */
export const LIBCXX_READERS: Readonly<Record<string, LibraryReader>> = {
  basic_string: readString,
  basic_string_view: readStringView,
  vector: readVector,
  unique_ptr: object => readPointer(object, ''),
  shared_ptr: object => readPointer(object, counts(object)),
  weak_ptr: object => readPointer(object, counts(object)),
  map: object => readTree(object, true),
  multimap: object => readTree(object, true),
  set: object => readTree(object, false),
  multiset: object => readTree(object, false),
  unordered_map: object => readHash(object, true),
  unordered_multimap: object => readHash(object, true),
  unordered_set: object => readHash(object, false),
  unordered_multiset: object => readHash(object, false),
  list: readList,
  deque: readDeque,
  optional: readOptional,
  array: readArray,
  variant: readVariant,
  tuple: readTuple,
}

/** Parts of a tuple or a variant that are followed. */
const PARTS_MAX = 64

/** The first of these fields that there is; of a pair whose second part is empty the value. */
function held(object: LibraryObject, ...names: readonly string[]): Field | undefined {
  for (const name of names) {
    const field = object.field(name)
    if (field) return withoutPair(field)
  }
  return undefined
}

/** Up to release 19 what may be empty stood beside it in a `__compressed_pair`. */
function withoutPair(field: Field): Field {
  const isPair = field.type.bare.name?.startsWith('__compressed_pair<') === true
  return (isPair ? findField(field.type, field.view, '__value_', SEARCH_DEPTH, CXX_FIELDS) : undefined) ?? field
}

function addressIn(field: Field | undefined): Address | undefined {
  const word = field?.view.unsigned(field.type.size ?? 8)
  return typeof word === 'bigint' ? addressOfWord(word) : undefined
}

/** A short one has twice its length in the first byte, then the text; a long one a length and a pointer. */
function readString(object: LibraryObject): Value | undefined {
  if (!isNarrow(object) || object.type.size !== 24 || !(object.field('__r_') ?? object.field('__rep_')))
    return undefined
  const first = object.view.unsigned(1)
  if (isMissing(first)) return missingValue(first)
  if (first % 2n === 0n) {
    const bytes = object.view.at(1).bytes(Number(first / 2n))
    if (isMissing(bytes)) return object.missing()
    const whole = new TextDecoder().decode(bytes)
    return plainValue(JSON.stringify(whole), whole)
  }
  const [length, data] = [object.view.at(8).unsigned(), object.view.at(16).unsigned()]
  if (isMissing(length) || isMissing(data)) return object.missing()
  return text(object, addressOfWord(data), length)
}

function readStringView(object: LibraryObject): Value | undefined {
  const [data, size] = [held(object, '__data_', '__data'), held(object, '__size_', '__size')]
  if (!isNarrow(object) || !data || !size) return undefined
  const length = size.view.unsigned()
  return isMissing(length) ? object.missing() : text(object, addressIn(data), length)
}

function readVector(object: LibraryObject): Value | undefined {
  const [first, last] = [object.field('__begin_'), object.field('__end_')]
  if (!first) return undefined
  if (!last) return readBits(object, first)
  const element = first.type.bare.target
  const [start, finish, limit] = [first, last, held(object, '__cap_', '__end_cap_')].map(addressIn)
  const size = element?.size ?? 0
  if (start === undefined || finish === undefined || limit === undefined) return object.missing()
  const count = (finish - start) / size
  if (start === 0 && finish === 0) return sequence(`${object.name} of length 0, capacity 0`, [], 0)
  if (!Number.isInteger(count) || count < 0 || limit < finish) return object.missing()
  const parts = take(object, count, index => object.element(element, object.at(start + index * size)))
  return sequence(`${object.name} of length ${count}, capacity ${Math.floor((limit - start) / size)}`, parts, count)
}

/** vector<bool>: bits in words, from the least significant one. */
function readBits(object: LibraryObject, first: Field): Value | undefined {
  const [start, count] = [addressIn(first), addressIn(held(object, '__size_'))]
  if (start === undefined || count === undefined) return object.missing()
  const parts = take(object, count, index => {
    const byte = object.at(start + Math.floor(index / 8)).unsigned(1)
    if (isMissing(byte)) return missingValue(byte)
    const isSet = Math.floor(Number(byte) / 2 ** (index % 8)) % 2 === 1
    return plainValue(String(isSet), isSet)
  })
  return sequence(`${object.name}<bool> of length ${count}`, parts, count)
}

function readPointer(object: LibraryObject, note: string): Value | undefined {
  const field = held(object, '__ptr_')
  if (field?.type.bare.kind !== 'pointer') return undefined
  const word = field.view.unsigned()
  return isMissing(word) ? missingValue(word) : pointer(object, word, field.type.bare.target, note)
}

/** Counts begin at zero: one owner alone is 0. All strong owners together are one weak one. */
function counts(object: LibraryObject): string {
  const control = object.field('__cntrl_')
  const [block, address] = [control?.type.bare.target, addressIn(control)]
  if (!block || !address) return ''
  const [uses, weak] = ['__shared_owners_', '__shared_weak_owners_'].map(name => {
    const word = findField(block, object.at(address), name, SEARCH_DEPTH, CXX_FIELDS)?.view.unsigned()
    return typeof word === 'bigint' ? Number(BigInt.asIntN(64, word)) : undefined
  })
  return uses === undefined || weak === undefined ? '' : ` (use count ${uses + 1}, weak count ${weak})`
}

/** Left, right, parent, colour: behind them, as its alignment allows, the value (__tree_node). */
const TREE_NODE = {left: 0, right: 8, parent: 16, end: 25} as const
/** The next node and a hash. */
const HASH_NODE_VALUE = 16
/** The two neighbours. */
const LIST_NODE_VALUE = 16

function readTree(object: LibraryObject, isMap: boolean): Value | undefined {
  const tree = object.field('__tree_')
  const item = itemOf(object, isMap)
  if (!tree || !item) return undefined
  const count = addressIn(held(object, '__size_', '__pair3_'))
  let node = addressIn(object.field('__begin_node_'))
  if (count === undefined) return object.missing()
  const values: Value[] = []
  const start = align(TREE_NODE.end, item.alignment)
  for (let steps = 0; node && values.length < Math.min(count, object.most) && steps < NODES_MAX; steps++) {
    values.push(item.read(object.at(node + start)))
    node = nextInTree(object, node)
  }
  return associated(object, values, count, isMap)
}

/** In order: the leftmost of what is right of a node, else the first of its parents that it is left of. */
function nextInTree(object: LibraryObject, node: Address): Address | undefined {
  const link = (at: number, offset: number): Address | undefined => {
    const word = object.at(at + offset).unsigned()
    return isMissing(word) ? undefined : addressOfWord(word)
  }
  let next = link(node, TREE_NODE.right)
  if (next) {
    for (let steps = 0, left = link(next, TREE_NODE.left); left && steps < NODES_MAX; steps++) {
      next = left
      left = link(left, TREE_NODE.left)
    }
    return next
  }
  let child: Address | undefined = node
  for (let steps = 0; child && steps < NODES_MAX; steps++) {
    const parent = link(child, TREE_NODE.parent)
    if (!parent) return undefined
    if (link(parent, TREE_NODE.left) === child) return parent
    child = parent
  }
  return undefined
}

function readHash(object: LibraryObject, isMap: boolean): Value | undefined {
  const table = object.field('__table_')
  const item = itemOf(object, isMap)
  if (!table || !item) return undefined
  const count = addressIn(held(object, '__size_', '__p2_'))
  let node = addressIn(held(object, '__first_node_', '__p1_'))
  if (count === undefined || node === undefined) return object.missing()
  const values: Value[] = []
  for (let steps = 0; node && values.length < Math.min(count, object.most) && steps < NODES_MAX; steps++) {
    values.push(item.read(object.at(node + align(HASH_NODE_VALUE, item.alignment))))
    const word = object.at(node).unsigned()
    node = isMissing(word) ? undefined : addressOfWord(word)
  }
  return associated(object, values, count, isMap)
}

function readList(object: LibraryObject): Value | undefined {
  const end = object.field('__end_')
  const element = object.type.templateTypes.get('_Tp')
  const count = addressIn(held(object, '__size_', '__size_alloc_'))
  const home = end?.view.address
  if (!end || !element) return undefined
  if (count === undefined || home === undefined) return object.missing()
  let node = addressIn(findField(end.type, end.view, '__next_', 1, CXX_FIELDS))
  const values: Value[] = []
  while (node && node !== home && values.length < Math.min(count, object.most)) {
    values.push(object.element(element, object.at(node + align(LIST_NODE_VALUE, alignmentOf(element)))))
    const word = object.at(node + 8).unsigned()
    node = isMissing(word) ? undefined : addressOfWord(word)
  }
  return sequence(`${object.name} with ${count} ${count === 1 ? 'element' : 'elements'}`, values, count)
}

/** Blocks of 4096 bytes, or of 16 elements where these are large (__deque_block_size). */
function readDeque(object: LibraryObject): Value | undefined {
  const map = object.field('__map_')
  const element = object.type.templateTypes.get('_Tp')
  const size = element?.size ?? 0
  if (!map || !element || size === 0) return undefined
  const blocks = addressIn(findField(map.type, map.view, '__begin_', 1, CXX_FIELDS))
  const [first, count] = [addressIn(held(object, '__start_')), addressIn(sizeBeside(object, map))]
  if (blocks === undefined || first === undefined || count === undefined) return object.missing()
  const perBlock = size < 256 ? Math.floor(4096 / size) : 16
  const parts = take(object, count, index => {
    const at = first + index
    const block = object.at(blocks + Math.floor(at / perBlock) * 8).unsigned()
    const address = isMissing(block) ? undefined : addressOfWord(block)
    return address === undefined
      ? missingValue('unreadable')
      : object.element(element, object.at(address + (at % perBlock) * size))
  })
  return sequence(`${object.name} with ${count} ${count === 1 ? 'element' : 'elements'}`, parts, count)
}

/** The deque's own, not that of its map of blocks. */
function sizeBeside(object: LibraryObject, map: Field): Field | undefined {
  const isOfMap = (field: Field) => field.view.offset >= map.view.offset && field.view.offset < map.view.offset + 32
  const found = held(object, '__size_')
  return found && !isOfMap(found) ? found : undefined
}

function readOptional(object: LibraryObject): Value | undefined {
  const [engaged, value] = [object.field('__engaged_'), object.field('__val_')]
  if (!engaged || !value) return undefined
  const isThere = engaged.view.unsigned(1)
  if (isMissing(isThere)) return object.missing()
  if (isThere === 0n) return plainValue(`${object.name} [no contained value]`, null)
  const shown = object.element(value.type, value.view)
  return {...shown, text: `${object.name} = ${shown.text}`}
}

function readArray(object: LibraryObject): Value | undefined {
  const elements = object.field('__elems_')
  return elements && object.read(elements.type, elements.view, within(object.reading, 0))
}

/** Each property that a variant may have is a base of its own. */
const VARIANT_DEPTH = 16

/** A union of the first alternative and all others. */
function readVariant(object: LibraryObject): Value | undefined {
  const {type, view} = object
  const [index, data] = ['__index', '__data'].map(name => findField(type, view, name, VARIANT_DEPTH, CXX_FIELDS))
  if (!index || !data) return undefined
  const size = index.type.size ?? 4
  const word = index.view.unsigned(size)
  if (isMissing(word)) return missingValue(word)
  if (word === 2n ** BigInt(size * 8) - 1n) return plainValue(`${object.name} [no contained value]`, null)
  let at: Field | undefined = data
  for (let rest = Number(word); at && rest > 0 && rest <= PARTS_MAX; rest--) at = part(at, '__tail')
  const head = at && part(at, '__head')
  const value = head && part(head, '__value')
  if (!value) return object.missing()
  const shown = object.element(value.type, value.view)
  return {
    ...shown,
    text: `${object.name} [index ${word}] = ${shown.text}`,
    structured: {index: Number(word), value: shown.structured},
  }
}

function part({type, view}: Field, name: string): Field | undefined {
  return findField(type, view, name, 1, CXX_FIELDS)
}

/** Each part is a base; one that is empty has no field. */
function readTuple(object: LibraryObject): Value | undefined {
  const base = object.field('__base_')
  if (!base) return undefined
  const leaves = base.type.bare.members.filter(({type}) => type?.bare.name?.startsWith('__tuple_leaf<'))
  const parts = leaves.slice(0, Math.min(object.most, PARTS_MAX)).map(({type, offset}) => {
    const view = base.view.at(offset)
    const value = type && findField(type, view, '__value_', 1, CXX_FIELDS)
    return value ? object.element(value.type, value.view) : plainValue('{}', {})
  })
  return sequence(object.name, parts, leaves.length)
}

/** What a container of nodes holds, with its alignment, which DWARF does not tell. */
function itemOf(object: LibraryObject, isMap: boolean): {alignment: number; read: (view: View) => Value} | undefined {
  const {templateTypes} = object.type
  const key = templateTypes.get('_Key') ?? templateTypes.get('_Value')
  const value = templateTypes.get('_Tp')
  if (!key) return undefined
  if (!isMap) return {alignment: alignmentOf(key), read: view => object.element(key, view)}
  if (!value) return undefined
  const offset = align(key.size ?? 0, alignmentOf(value))
  return {
    alignment: Math.max(alignmentOf(key), alignmentOf(value)),
    read: view => keyed(object.element(key, view), object.element(value, view.at(offset))),
  }
}

function align(offset: number, alignment: number): number {
  return Math.ceil(offset / alignment) * alignment
}

/** As the psABI has it (amd64, 3.1.2): of a number its size, of what has parts that of the strictest. */
function alignmentOf(type: DataType, depth = 0): number {
  const {bare} = type
  const size = Math.max(1, bare.size ?? 8)
  switch (bare.kind) {
    case 'struct':
    case 'union':
      if (depth > SEARCH_DEPTH) return 8
      return Math.max(1, ...bare.members.map(member => (member.type ? alignmentOf(member.type, depth + 1) : 1)))
    case 'array':
      return bare.target && depth <= SEARCH_DEPTH ? alignmentOf(bare.target, depth + 1) : 8
    default:
      return size >= 16 ? 16 : 2 ** Math.floor(Math.log2(size))
  }
}
