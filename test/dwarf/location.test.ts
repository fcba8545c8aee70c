import test from 'ava'
import {toAddress} from '../../src/base/address.ts'
import {Diagnostics} from '../../src/base/diagnostics.ts'
import {DwarfInfo} from '../../src/dwarf/dwarf-info.ts'
import {evaluateLocation, type LocationContext, type Piece} from '../../src/dwarf/location.ts'
import {findExpression} from '../../src/dwarf/location-list.ts'
import type {ScopeVariable} from '../../src/dwarf/scope-variables.ts'
import {BytesBuilder} from '../support/bytes-builder.ts'
import {type AttributeSpec, type DieSpec, DwarfBuilder, sectionSource} from '../support/dwarf-builder.ts'
import {memoryOf} from '../support/memory-of.ts'

const FUNCTION = [
  ['low_pc', 'addr', 0x1000],
  ['high_pc', 'data4', 0x100],
] as const

/** A unit with `int`, a function at 0x1000 and what is in it. */
function infoOf(
  children: readonly DieSpec[],
  {version = 5, sections = {}, attributes = []}: InfoOptions = {},
): DwarfInfo {
  const int: DieSpec = {
    tag: 'base_type',
    label: 'int',
    attributes: [
      ['name', 'string', 'int'],
      ['byte_size', 'data1', 4],
      ['encoding', 'data1', 5],
    ],
  }
  const f: DieSpec = {tag: 'subprogram', attributes: [['name', 'string', 'f'], ...FUNCTION, ...attributes], children}
  const root: DieSpec = {
    tag: 'compile_unit',
    attributes: [['language', 'data1', 0x0c], ...FUNCTION],
    children: [int, f],
  }
  const built = new DwarfBuilder().unit({version, root}).build()
  return new DwarfInfo(sectionSource({...built, ...sections}), {diagnostics: new Diagnostics()})
}

interface InfoOptions {
  version?: number
  sections?: Record<string, Uint8Array>
  attributes?: readonly AttributeSpec[]
}

const local = (name: string, attributes: readonly AttributeSpec[]): DieSpec => ({
  tag: 'variable',
  attributes: [['name', 'string', name], ['type', 'ref4', 'int'], ...attributes],
})

function variablesAt(info: DwarfInfo, address: number): readonly (readonly ScopeVariable[])[] {
  return (info.scopesAt(toAddress(address))?.scopes ?? []).map(({variables}) => variables)
}

const names = (info: DwarfInfo, address: number) => variablesAt(info, address).map(all => all.map(({name}) => name))

test('a variable is in scope where its block is, and of an inlined call where that is', t => {
  const block = (low: number, high: number, children: readonly DieSpec[]): DieSpec => ({
    tag: 'lexical_block',
    attributes: [
      ['low_pc', 'addr', low],
      ['high_pc', 'data4', high - low],
    ],
    children,
  })
  const inlined: DieSpec = {
    tag: 'inlined_subroutine',
    attributes: [
      ['low_pc', 'addr', 0x1040],
      ['high_pc', 'data4', 0x10],
    ],
    children: [local('inner', [])],
  }
  const info = infoOf([
    local('a', []),
    block(0x1010, 0x1080, [local('b', []), inlined]),
    block(0x1080, 0x1090, [local('c', [])]),
  ])
  t.deepEqual(names(info, 0x1000), [['a']])
  t.deepEqual(names(info, 0x1010), [['a', 'b']])
  t.deepEqual(names(info, 0x1040), [['inner'], ['a', 'b']])
  t.deepEqual(names(info, 0x1080), [['a', 'c']])
  t.deepEqual(names(info, 0x1100), [])
})

test('what an inlined call has of its abstract instance alone: blocks that are there, and what needs no place in code', t => {
  const place: AttributeSpec = ['location', 'exprloc', Uint8Array.of(0x03, 0, 0, 0, 0, 0, 0, 0, 0)]
  const block = (label: string, children: readonly DieSpec[]): DieSpec => ({tag: 'lexical_block', label, children})
  const abstract: DieSpec = {
    tag: 'subprogram',
    label: 'abstract',
    children: [
      local('own', []),
      block('here', [local('static_here', [place]), local('gone_here', [])]),
      block('there', [local('static_there', [place])]),
      block('nowhere', [local('static_nowhere', [place]), local('gone_nowhere', [])]),
    ],
  }
  const concrete = (origin: string, low: number): DieSpec => ({
    tag: 'lexical_block',
    attributes: [
      ['abstract_origin', 'ref4', origin],
      ['low_pc', 'addr', low],
      ['high_pc', 'data4', 0x10],
    ],
  })
  const inlined: DieSpec = {
    tag: 'inlined_subroutine',
    attributes: [
      ['abstract_origin', 'ref4', 'abstract'],
      ['low_pc', 'addr', 0x1040],
      ['high_pc', 'data4', 0x20],
    ],
    children: [concrete('here', 0x1040), concrete('there', 0x1050)],
  }
  const info = infoOf([inlined, abstract])
  t.deepEqual(names(info, 0x1040), [['own', 'static_here', 'gone_here', 'static_nowhere'], []])
  t.deepEqual(names(info, 0x1050), [['own', 'static_there', 'static_nowhere'], []])
})

const LIST = [['location', 'sec_offset', 0]] as const

/** Where the one variable of the function is at an address: the bytes of its expression. */
function expressionAt(info: DwarfInfo, address: number): string | undefined {
  const location = variablesAt(info, address)[0]?.[0]?.location
  const found = location && findExpression(location, address)
  return found && Buffer.from(found).toString('hex')
}

test('location lists of DWARF 4: pairs, base addresses, gaps', t => {
  const loc = new BytesBuilder()
  loc.u64(0).u64(0x10).u16(1).u8(0x55)
  loc.u64(0xffffffffffffffffn).u64(0x1080)
  loc.u64(0).u64(4).u16(2).u8(0x91, 0x70)
  loc.u64(0).u64(0)
  const info = infoOf([local('a', LIST)], {version: 4, sections: {'.debug_loc': loc.build()}})
  t.is(expressionAt(info, 0x100f), '55')
  t.is(expressionAt(info, 0x1010), undefined)
  t.is(expressionAt(info, 0x1083), '9170')
  t.is(expressionAt(info, 0x1084), undefined)
})

test('location lists of DWARF 5: every kind of entry, and the pairs of views between them', t => {
  const lists = new BytesBuilder()
  lists.u8(9).uleb128(1).uleb128(2) // a pair of views
  lists.u8(4).uleb128(0).uleb128(0x10).uleb128(1).u8(0x55)
  lists.u8(6).u64(0x1020)
  lists.u8(4).uleb128(0).uleb128(0x10).uleb128(1).u8(0x54)
  lists.u8(7).u64(0x1040).u64(0x1050).uleb128(1).u8(0x51)
  lists.u8(8).u64(0x1060).uleb128(0x10).uleb128(1).u8(0x52)
  lists.u8(5).uleb128(1).u8(0x30)
  lists.u8(0)
  const info = infoOf([local('a', LIST)], {sections: {'.debug_loclists': lists.build()}})
  t.deepEqual(
    [0x1000, 0x1010, 0x1020, 0x1040, 0x104f, 0x1060, 0x106f, 0x1070].map(at => expressionAt(info, at)),
    ['55', '30', '54', '51', '51', '52', '52', '30'],
  )
})

test('a damaged list ends in an error, not in a loop', t => {
  const info = infoOf([local('a', LIST)], {sections: {'.debug_loclists': Uint8Array.of(4, 0)}})
  t.throws(() => expressionAt(info, 0x1000), {name: 'FormatError'})
})

/** Evaluates in a frame whose CFA is 0x7000, whose frame base is that, with rdi and rbx known. */
function evaluate(hex: string, parts: Partial<LocationContext> = {}): Piece[] {
  const unit = infoOf([local('a', [])]).scopesAt(toAddress(0x1000))?.unit
  if (!unit) throw new Error('no unit')
  const memory = memoryOf(new BytesBuilder(0x6ff0).u64(0x1234))
  return evaluateLocation(Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex')), {
    unit,
    memory,
    cfa: 0x7000n,
    loadBias: 0x10000,
    register: number => ({3: 0x33n, 5: 0xffffffff80000000n})[number],
    frameBase: () => 0x7000n,
    entryValue: expression => (expression[0] === 0x54 ? 0x77n : undefined),
    threadLocal: offset => 0x9000n + offset,
    ...parts,
  })
}

const whole = (place: Piece['place']) => [{place, bits: undefined, bitOffset: 0}]
const lost = (why: 'not-saved' | 'unreadable') => whole({kind: 'lost', why})
const value = (word: bigint) => whole({kind: 'value', word})
const memory = (address: bigint) => whole({kind: 'memory', address})

const LOCATIONS: readonly (readonly [what: string, hex: string, pieces: Piece[]])[] = [
  ['fbreg -16', '91 70', memory(0x6ff0n)],
  ['call_frame_cfa', '9c', memory(0x7000n)],
  ['addr with the load bias', '03 00 20 00 00 00 00 00 00', memory(0x12000n)],
  ['reg5', '55', whole({kind: 'register', register: 5})],
  ['regx 17', '90 11', whole({kind: 'register', register: 17})],
  ['breg3 8; stack_value', '73 08 9f', value(0x3bn)],
  ['breg0: a register that nobody saved', '70 00 9f', lost('not-saved')],
  ['fbreg -16; deref; stack_value', '91 70 06 9f', value(0x1234n)],
  ['deref of what is not there', '30 06 9f', lost('unreadable')],
  ['implicit_value', '9e 02 07 08', whole({kind: 'bytes', bytes: Uint8Array.of(7, 8)})],
  ['entry_value(reg4); stack_value', 'a3 01 54 9f', value(0x77n)],
  ['entry_value(reg5) that no call site tells', 'a3 01 55 9f', lost('not-saved')],
  ['GNU_push_tls_address', '0e 04 00 00 00 00 00 00 00 e0', memory(0x9004n)],
  [
    'pieces: reg3, nothing, fbreg -16',
    '53 93 04 93 04 91 70 93 08',
    [
      {place: {kind: 'register', register: 3}, bits: 32, bitOffset: 0},
      {place: {kind: 'optimized-out'}, bits: 32, bitOffset: 0},
      {place: {kind: 'memory', address: 0x6ff0n}, bits: 64, bitOffset: 0},
    ],
  ],
  [
    'a piece that is lost costs itself alone',
    '70 00 9f 93 08 33 9f 93 08',
    [
      {place: {kind: 'lost', why: 'not-saved'}, bits: 64, bitOffset: 0},
      {place: {kind: 'value', word: 3n}, bits: 64, bitOffset: 0},
    ],
  ],
  ['nothing', '', whole({kind: 'optimized-out'})],
]

for (const [what, hex, pieces] of LOCATIONS) {
  test(`a location: ${what}`, t => t.deepEqual(evaluate(hex), pieces))
}

test('a conversion to a type keeps the value of that type', t => {
  // Where `int` stands in the unit follows from what stands before it: looked for, not counted.
  const offsets = Array.from({length: 64}, (_, at) => at)
  const found = offsets.filter(at => {
    try {
      evaluate(`75 00 a8 ${at.toString(16).padStart(2, '0')} 9f`)
      return at > 0
    } catch {
      return false
    }
  })
  t.is(found.length, 1)
  t.deepEqual(evaluate(`75 00 a8 ${found[0]?.toString(16)} 9f`), value(0xffffffff80000000n))
  t.deepEqual(evaluate(`0c ff ff ff ff a8 ${found[0]?.toString(16)} 9f`), value(2n ** 64n - 1n))
})

test('what a call site says its callee was given', t => {
  const parameter: DieSpec = {
    tag: 'call_site_parameter',
    attributes: [
      ['location', 'exprloc', Uint8Array.of(0x55)],
      ['call_value', 'exprloc', Uint8Array.of(0x73, 0)],
    ],
  }
  const site: DieSpec = {tag: 'call_site', attributes: [['call_return_pc', 'addr', 0x1050]], children: [parameter]}
  const info = infoOf([{tag: 'lexical_block', children: [site]}])
  t.deepEqual(info.callSiteAt(toAddress(0x1050)), {
    callee: undefined,
    target: undefined,
    parameters: [{location: Uint8Array.of(0x55), value: Uint8Array.of(0x73, 0)}],
  })
  t.is(info.callSiteAt(toAddress(0x1051)), undefined)
})
