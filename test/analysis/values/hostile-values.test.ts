// What a damaged or hostile process holds: whatever the types and the memory say, a value ends, and says what is cut.
import test from 'ava'
import type {DeadProcess} from '../../../src/analysis/process/dead-process.ts'
import type {ValueLimits} from '../../../src/analysis/values/limits.ts'
import {MemoryStorage, View} from '../../../src/analysis/values/storage.ts'
import {Values} from '../../../src/analysis/values/values.ts'
import {toAddress} from '../../../src/base/address.ts'
import {Diagnostics} from '../../../src/base/diagnostics.ts'
import type {MemoryReader} from '../../../src/base/memory-reader.ts'
import {DwarfInfo} from '../../../src/dwarf/dwarf-info.ts'
import {BytesBuilder} from '../../support/bytes-builder.ts'
import {type AttributeSpec, type DieSpec, DwarfBuilder, sectionSource} from '../../support/dwarf-builder.ts'
import {memoryOf} from '../../support/memory-of.ts'

const LIMITS = {depth: 1, elements: 4, bytes: 8}
const C = 0x0c
const GO = 22
const CXX = 4

const die = (tag: DieSpec['tag'], label: string, attributes: readonly AttributeSpec[], children: DieSpec[] = []) =>
  ({tag, label, attributes: [['name', 'string', label], ...attributes], children}) satisfies DieSpec
const member = (name: string, type: string, offset: number): DieSpec => ({
  tag: 'member',
  attributes: [
    ['name', 'string', name],
    ['type', 'ref4', type],
    ['data_member_location', 'data4', offset],
  ],
})
const size = (bytes: number): AttributeSpec => ['byte_size', 'data4', bytes]
const INT = die('base_type', 'int', [size(4), ['encoding', 'data1', 5]])
const POINTER = die('pointer_type', 'ptr', [size(8), ['type', 'ref4', 'int']])

interface Hostile {
  readonly language: number
  readonly types: readonly DieSpec[]
  readonly memory: MemoryReader
  readonly limits?: ValueLimits
}

/** The variable of the type with that label that lies at 0x1000. */
function read(label: string, {language, types, memory, limits = LIMITS}: Hostile) {
  const variable: DieSpec = {
    tag: 'variable',
    attributes: [
      ['name', 'string', 'v'],
      ['type', 'ref4', label],
    ],
  }
  const range: AttributeSpec[] = [
    ['low_pc', 'addr', 0x1000],
    ['high_pc', 'data4', 0x100],
  ]
  const root: DieSpec = {
    tag: 'compile_unit',
    attributes: [['language', 'data1', language], ...range],
    children: [...types, {tag: 'subprogram', attributes: range, children: [variable]}],
  }
  const sections = sectionSource(new DwarfBuilder().unit({version: 5, root}).build())
  const dwarf = new DwarfInfo(sections, {diagnostics: new Diagnostics()})
  const process = {
    memory,
    images: [],
    modules: [],
    core: {isMapped: () => true, threads: [], segments: {dumped: () => [], extentAt: () => ({state: 'unmapped'})}},
    isExecutable: () => false,
    symbolizer: {},
    version: {},
  } as unknown as DeadProcess
  const type = dwarf.types.at(dwarf.scopesAt(toAddress(0x1000))?.scopes[0]?.variables[0]?.type)
  const view = new View(new MemoryStorage(memory, toAddress(0x1000)))
  return new Values(process, limits).readVariable('v', type, view, dwarf).value
}

/** Every word of it is that one. */
const everywhere = (word: bigint): MemoryReader => ({
  read: (address, length) =>
    Uint8Array.from({length: Math.min(length, 4096)}, (_, index) =>
      Number((word / 256n ** BigInt((address + index) % 8)) % 256n),
    ),
})

test('a struct that contains itself ends at the depth that is shown', t => {
  const own = die('structure_type', 's', [size(8)], [member('a', 'int', 0), member('s', 's', 4)])
  const {text, state} = read('s', {language: C, types: [INT, own], memory: everywhere(7n)})
  t.is(text, '{a = 7, s = {a = 0, s = {...}}}')
  t.is(state, 'cut')
})

test('nameless structs within themselves, which are no level of their own, end too', t => {
  const inner: DieSpec = {
    tag: 'member',
    attributes: [
      ['type', 'ref4', 's'],
      ['data_member_location', 'data4', 0],
    ],
  }
  const own = die('structure_type', 's', [size(8)], [inner, inner, inner])
  const {text, state} = read('s', {language: C, types: [own], memory: everywhere(0n)})
  t.is(state, 'cut')
  t.true(text.length < 1_000_000)
})

test('a type that is its own alias is no value', t => {
  const alias = die('typedef', 'a', [['type', 'ref4', 'a']])
  t.is(read('a', {language: C, types: [alias], memory: everywhere(1n)}).text, '<a>')
})

test('an array of more elements than there is memory is shown as far as the limit', t => {
  const range: DieSpec = {tag: 'subrange_type', attributes: [['count', 'data8', 2n ** 40n]]}
  const array: DieSpec = {tag: 'array_type', label: 'a', attributes: [['type', 'ref4', 'int']], children: [range]}
  const {text, state} = read('a', {language: C, types: [INT, array], memory: everywhere(3n)})
  t.is(text, '{3, 0, 3, 0, ...+1099511627772 more}')
  t.is(state, 'cut')
})

test('a text without end is cut, and one that runs out of memory is a pointer alone', t => {
  const char = die('base_type', 'char', [size(1), ['encoding', 'data1', 6]])
  const pointer: DieSpec = {tag: 'pointer_type', label: 'p', attributes: [size(8), ['type', 'ref4', 'char']]}
  const types = [char, pointer]
  t.is(read('p', {language: C, types, memory: everywhere(0x61616161n * 2n ** 16n)}).text, '0x616161610000 ""')
  const endless = memoryOf(new BytesBuilder(0x1000).u64(0x1008).bytes(Buffer.from('abcdefghijklmnop')))
  t.deepEqual(read('p', {language: C, types, memory: endless}), {
    text: '0x1008 "abcdefgh"...',
    structured: {pointer: '0x1008', text: 'abcdefgh'},
    state: 'cut',
  })
  const short = memoryOf(new BytesBuilder(0x1000).u64(0x1008).bytes(Buffer.from('abc')))
  t.is(read('p', {language: C, types, memory: short}).text, '0x1008')
})

const kind = (value: number): AttributeSpec => ['go_kind', 'data1', value]
const GO_INT = die('base_type', 'int', [size(8), ['encoding', 'data1', 5], kind(2)])
const GO_POINTER = die('pointer_type', '*int', [['type', 'ref4', 'int'], kind(22)])

test('a slice of Go of a wild length is no slice; one that is longer than its memory is cut', t => {
  const slice = die(
    'structure_type',
    '[]int',
    [size(24), kind(23), ['go_elem', 'ref4', 'int']],
    [member('array', '*int', 0), member('len', 'int', 8), member('cap', 'int', 16)],
  )
  const types = [GO_INT, GO_POINTER, slice]
  const at = (length: bigint, capacity: bigint) =>
    memoryOf(new BytesBuilder(0x1000).u64(0x1018).u64(length).u64(capacity).u64(1).u64(2))
  t.is(read('[]int', {language: GO, types, memory: at(2n, 2n)}).text, '[]int len: 2, cap: 2, [1,2]')
  t.is(read('[]int', {language: GO, types, memory: at(9n, 2n)}).state, 'unreadable', 'longer than its capacity')
  t.is(read('[]int', {language: GO, types, memory: at(2n ** 63n, 2n ** 63n)}).state, 'unreadable')
  const long = read('[]int', {language: GO, types, memory: at(3n, 3n)})
  t.is(long.text, '[]int len: 3, cap: 3, [1,2,<unreadable>]')
})

test('a list of C++ that leads back into itself ends with its count', t => {
  const node = die(
    'structure_type',
    '_List_node_base',
    [size(16)],
    [member('_M_next', 'ptr', 0), member('_M_prev', 'ptr', 8)],
  )
  const header = die(
    'structure_type',
    '_List_node_header',
    [size(24)],
    [member('_M_next', 'ptr', 0), member('_M_size', 'long', 16)],
  )
  const long = die('base_type', 'long', [size(8), ['encoding', 'data1', 5]])
  const parameter: DieSpec = {
    tag: 'template_type_parameter',
    attributes: [
      ['name', 'string', '_Tp'],
      ['type', 'ref4', 'int'],
    ],
  }
  const list = die('structure_type', 'list<int>', [size(24)], [member('_M_node', '_List_node_header', 0), parameter])
  const std: DieSpec = {tag: 'namespace', attributes: [['name', 'string', 'std']], children: [list]}
  // The first node leads to itself; the list says that there are 2^40.
  const memory = memoryOf(
    new BytesBuilder(0x1000)
      .u64(0x2000)
      .u64(0x2000)
      .u64(2n ** 40n),
    new BytesBuilder(0x2000).u64(0x2000).u64(0).u64(5),
  )
  const {text, state} = read('list<int>', {language: CXX, types: [INT, POINTER, long, node, header, std], memory})
  t.is(text, 'std::list with 1099511627776 elements = {5, ...+1099511627775 more}')
  t.is(state, 'cut')
})

test('an array that is its own element, and a number of a wild size, are no values', t => {
  const range: DieSpec = {tag: 'subrange_type', attributes: [['count', 'data4', 4]]}
  const array: DieSpec = {tag: 'array_type', label: 'a', attributes: [['type', 'ref4', 'a']], children: [range]}
  t.is(read('a', {language: C, types: [array], memory: everywhere(1n)}).text, '<array of unknown length>')
  const wide = die('base_type', 'wide', [
    ['byte_size', 'data8', 2n ** 40n],
    ['encoding', 'data1', 5],
  ])
  t.is(read('wide', {language: C, types: [wide], memory: everywhere(1n)}).state, 'unreadable')
})

test('a bit field outside of any number is no value', t => {
  const field = (size: number, offset: number): DieSpec => ({
    tag: 'member',
    attributes: [
      ['name', 'string', 'f'],
      ['type', 'ref4', 'int'],
      ['bit_size', 'data4', size],
      ['data_bit_offset', 'sdata', offset],
    ],
  })
  const types = [INT, die('structure_type', 's', [size(8)], [field(0xffffffff, 0), field(3, -9), field(4, 4)])]
  const {text} = read('s', {language: C, types, memory: everywhere(0xa5n)})
  t.is(text, '{f = <unreadable>, f = <unreadable>, f = -6}')
})

test('a tuple whose bases are itself twice ends', t => {
  const base: DieSpec = {tag: 'inheritance', attributes: [['type', 'ref4', '_Tuple_impl<0>']]}
  const tuple = die('structure_type', '_Tuple_impl<0>', [size(8)], [base, base, member('_M_head_impl', 'int', 0)])
  const outer = die('structure_type', 'tuple<int>', [size(8)], [base])
  const std: DieSpec = {tag: 'namespace', attributes: [['name', 'string', 'std']], children: [tuple, outer]}
  const {state} = read('tuple<int>', {language: CXX, types: [INT, std], memory: everywhere(5n)})
  t.is(state, 'cut')
})

test('limits that allow much are bounded by the parts of one variable', t => {
  const range: DieSpec = {tag: 'subrange_type', attributes: [['count', 'data4', 100_000]]}
  const inner: DieSpec = {tag: 'array_type', label: 'inner', attributes: [['type', 'ref4', 'int']], children: [range]}
  const outer: DieSpec = {tag: 'array_type', label: 'outer', attributes: [['type', 'ref4', 'inner']], children: [range]}
  const limits = {depth: 32, elements: 100_000, bytes: 1_000_000}
  const {state, text} = read('outer', {language: C, types: [INT, inner, outer], memory: everywhere(1n), limits})
  t.is(state, 'cut')
  t.true(text.length < 200_000)
})

/** A type of the library's, in its namespace with a version. */
const ofStd = (type: DieSpec): DieSpec => ({
  tag: 'namespace',
  attributes: [['name', 'string', 'std']],
  children: [{tag: 'namespace', attributes: [['name', 'string', '__1']], children: [type]}],
})
const LONG = die('base_type', 'long', [size(8), ['encoding', 'data1', 5]])
const parameterOf = (name: string, type: string): DieSpec => ({
  tag: 'template_type_parameter',
  attributes: [
    ['name', 'string', name],
    ['type', 'ref4', type],
  ],
})

test('texts of libc++: short ones in the object, long ones beside it, and lengths that no text has', t => {
  const string = die('structure_type', 'basic_string<char, x>', [size(24)], [member('__rep_', 'long', 0)])
  const shown = (memory: MemoryReader, limits?: ValueLimits) => {
    return read('basic_string<char, x>', {
      language: CXX,
      types: [LONG, ofStd(string)],
      memory,
      limits: limits ?? LIMITS,
    })
  }
  const short = new BytesBuilder(0x1000).u8(6).bytes(new TextEncoder().encode('abc')).u32(0).u64(0).u64(0)
  t.is(shown(memoryOf(short)).text, '"abc"')
  const long = new BytesBuilder(0x1000).u64(33).u64(5).u64(0x2000)
  const there = new BytesBuilder(0x2000).bytes(new TextEncoder().encode('hello'))
  t.is(shown(memoryOf(long, there)).text, '"hello"')
  t.is(
    shown(
      memoryOf(
        new BytesBuilder(0x1000)
          .u64(33)
          .u64(2n ** 60n)
          .u64(0x2000),
        there,
      ),
    ).state,
    'unreadable',
  )
  t.is(shown(memoryOf(new BytesBuilder(0x1000).u8(0xfe).u8(0))).state, 'unreadable')
})

test('a set of libc++: small values stand in what is left of a node, a tree that leads in a circle ends', t => {
  const tree = die(
    'structure_type',
    '__tree<int>',
    [size(24)],
    [member('__begin_node_', 'ptr', 0), member('__size_', 'long', 16)],
  )
  const set = die(
    'structure_type',
    'set<int>',
    [size(24)],
    [member('__tree_', '__tree<int>', 0), parameterOf('_Key', 'int')],
  )
  const types = [INT, POINTER, LONG, tree, ofStd(set)]
  const head = (count: number) => new BytesBuilder(0x1000).u64(0x3000).u64(0x2000).u64(count)
  const node = (at: number, left: number, right: number, parent: number, value: number) =>
    new BytesBuilder(at).u64(left).u64(right).u64(parent).u32(1).u32(value)
  const two = memoryOf(head(2), node(0x2000, 0x3000, 0, 0x1008, 9), node(0x3000, 0, 0, 0x2000, 7))
  t.is(read('set<int>', {language: CXX, types, memory: two}).text, 'std::set with 2 elements = {7, 9}')
  const circle = memoryOf(head(9), node(0x3000, 0, 0x3000, 0x3000, 7))
  t.regex(read('set<int>', {language: CXX, types, memory: circle}).text, /^std::set with 9 elements = \{7, /)
})

test('an array whose length only the frame knows: what tells it is kept, and without it there is no value', t => {
  const range = (attributes: readonly AttributeSpec[]): DieSpec => ({tag: 'subrange_type', attributes})
  const array: DieSpec = {
    tag: 'array_type',
    label: 'vla',
    attributes: [['type', 'ref4', 'int']],
    children: [
      range([['upper_bound', 'exprloc', Uint8Array.of(0x33)]]),
      range([['count', 'ref4', 'int']]),
      range([['count', 'data4', 3]]),
    ],
  }
  const variable: DieSpec = {
    tag: 'variable',
    attributes: [
      ['name', 'string', 'v'],
      ['type', 'ref4', 'vla'],
    ],
  }
  const place: AttributeSpec[] = [
    ['low_pc', 'addr', 0x1000],
    ['high_pc', 'data4', 0x100],
  ]
  const root: DieSpec = {
    tag: 'compile_unit',
    attributes: [['language', 'data1', C], ...place],
    children: [INT, array, {tag: 'subprogram', attributes: place, children: [variable]}],
  }
  const sections = sectionSource(new DwarfBuilder().unit({version: 5, root}).build())
  const dwarf = new DwarfInfo(sections, {diagnostics: new Diagnostics()})
  const type = dwarf.types.at(dwarf.scopesAt(toAddress(0x1000))?.scopes[0]?.variables[0]?.type)
  t.deepEqual(type?.dimensions, [undefined, undefined, 3])
  const [first, second, third] = type?.dynamicBounds ?? []
  t.deepEqual(first, {expression: Uint8Array.of(0x33), isUpper: true})
  t.true(second !== undefined && 'variable' in second && !second.isUpper)
  t.is(third, undefined)
  t.is(read('vla', {language: C, types: [INT, array], memory: everywhere(1n)}).text, '<array of unknown length>')
})
