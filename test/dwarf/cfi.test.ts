import test from 'ava'
import {toAddress} from '../../src/base/address.ts'
import {BytesSource} from '../../src/base/byte-source.ts'
import {Diagnostics, ForwardedDiagnostics} from '../../src/base/diagnostics.ts'
import {FormatError} from '../../src/base/errors.ts'
import type {SectionSource} from '../../src/base/section-source.ts'
import {openCfiSection} from '../../src/dwarf/cfi-entries.ts'
import {CfiTable} from '../../src/dwarf/cfi-table.ts'
import {evaluateExpression} from '../../src/dwarf/expression.ts'
import {BytesBuilder} from '../support/bytes-builder.ts'
import {forAll} from '../support/for-all.ts'

const EH_FRAME = 0x10000
const HDR = 0x9000

function sectionSource(sections: Record<string, {bytes: Uint8Array; address: number}>): SectionSource {
  return {
    name: 'test',
    section(name) {
      const section = sections[name]
      return section && {bytes: section.bytes, address: toAddress(section.address)}
    },
  }
}

/** gcc's usual CIE: zR, code 1, data -8, return address 16, pcrel|sdata4; DW_CFA_def_cfa rsp+8, DW_CFA_offset ra -8. */
function cie(builder: BytesBuilder, augmentation = 'zR'): BytesBuilder {
  builder.label('cie').difference(4, 'cieEnd', 'cieId').label('cieId').u32(0).u8(1).cstring(augmentation)
  builder.uleb128(1).sleb128(-8).u8(16).uleb128(1).u8(0x1b)
  return builder.hex('0c 07 08 90 01').align(8).label('cieEnd')
}

let fdeCount = 0
function fde(builder: BytesBuilder, start: number, size: number, program: string): BytesBuilder {
  const n = fdeCount++
  builder.label(`fde${n}`).difference(4, `end${n}`, `id${n}`).label(`id${n}`)
  builder.computed(4, at => at(`id${n}`) - at('cie'))
  builder
    .u32(start - builder.here)
    .u32(size)
    .uleb128(0)
  return builder.hex(program).align(8).label(`end${n}`)
}

function table(build: (builder: BytesBuilder) => void, diagnostics = new Diagnostics()): CfiTable {
  const builder = new BytesBuilder(EH_FRAME)
  build(builder)
  return new CfiTable(sectionSource({'.eh_frame': {bytes: builder.build(), address: EH_FRAME}}), diagnostics)
}

/*
 * 1000: push %rbp          CFA=rsp+8
 * 1001: mov %rsp,%rbp      CFA=rsp+16 rbp=c-16
 * 1004: ...                CFA=rbp+16
 * 1040: pop %rbp; ret      CFA=rsp+8
 */
const STANDARD = '41 0e 10 86 02 43 0d 06 02 3c 0c 07 08'

test('what no entry counts from is not read: .text is most of a file', t => {
  const builder = new BytesBuilder(EH_FRAME)
  fde(cie(builder), 0x1000, 0x42, STANDARD)
  const sections = sectionSource({'.eh_frame': {bytes: builder.build(), address: EH_FRAME}})
  const asked = new Set<string>()
  const watched: SectionSource = {
    name: 'test',
    section(name) {
      asked.add(name)
      return sections.section(name)
    },
  }
  t.truthy(new CfiTable(watched, new Diagnostics()).rowAt(toAddress(0x1004)))
  t.false(asked.has('.text') || asked.has('.got'))
})

test('entries count from .text where their encoding says so', t => {
  const builder = new BytesBuilder(EH_FRAME)
  builder.label('cie').difference(4, 'cieEnd', 'cieId').label('cieId').u32(0).u8(1).cstring('zR')
  // DW_EH_PE_textrel | DW_EH_PE_sdata4
  builder.uleb128(1).sleb128(-8).u8(16).uleb128(1).u8(0x2b)
  builder.hex('0c 07 08 90 01').align(8).label('cieEnd')
  builder.label('fde').difference(4, 'fdeEnd', 'fdeId').label('fdeId')
  builder.computed(4, at => at('fdeId') - at('cie'))
  builder.u32(0x40).u32(0x42).uleb128(0).hex(STANDARD).align(8).label('fdeEnd')
  const sections = sectionSource({
    '.eh_frame': {bytes: builder.build(), address: EH_FRAME},
    '.text': {bytes: new Uint8Array(0x100), address: 0x1000},
  })
  const cfi = new CfiTable(sections, new Diagnostics())
  t.deepEqual(cfi.rowAt(toAddress(0x1041))?.row.cfa, {kind: 'register', register: 7, offset: 16})
  t.is(cfi.rowAt(toAddress(0x1000)), undefined)
})

test('a row holds from its location up to the next', t => {
  const cfi = table(builder => fde(cie(builder), 0x1000, 0x42, STANDARD))
  const cfa = (pc: number) => cfi.rowAt(toAddress(pc))?.row.cfa
  t.deepEqual(cfa(0x1000), {kind: 'register', register: 7, offset: 8})
  t.deepEqual(cfa(0x1001), {kind: 'register', register: 7, offset: 16})
  t.deepEqual(cfa(0x1004), {kind: 'register', register: 6, offset: 16})
  t.deepEqual(cfa(0x103f), {kind: 'register', register: 6, offset: 16})
  t.deepEqual(cfa(0x1040), {kind: 'register', register: 7, offset: 8})
  t.is(cfa(0x1042), undefined)
  t.is(cfa(0xfff), undefined)
  const row = cfi.rowAt(toAddress(0x1004))
  t.deepEqual(row?.row.rules[6], {kind: 'at-cfa', offset: -16})
  t.deepEqual(row?.row.rules[16], {kind: 'at-cfa', offset: -8})
  t.is(row?.functionStart, toAddress(0x1000))
  t.is(row?.functionEnd, toAddress(0x1042))
  t.false(row?.signalFrame)
})

test('remember_state and restore_state save the CFA rule too', t => {
  // remember; def_cfa rsp 8; advance 4; restore
  const cfi = table(builder => fde(cie(builder), 0x1000, 0x20, '41 0e 10 41 0a 0e 08 44 0b'))
  t.deepEqual(cfi.rowAt(toAddress(0x1002))?.row.cfa, {kind: 'register', register: 7, offset: 8})
  t.deepEqual(cfi.rowAt(toAddress(0x1006))?.row.cfa, {kind: 'register', register: 7, offset: 16})
})

test('restore goes back to the rule of the CIE, and same_value, register, val_offset are kept apart', t => {
  const cfi = table(builder => fde(cie(builder), 0x1000, 0x20, '83 02 08 0c 09 0d 03 14 0e 02 05 0f 06 41 c3 06 10'))
  const before = cfi.rowAt(toAddress(0x1000))?.row.rules
  t.deepEqual(before?.[3], {kind: 'at-cfa', offset: -16})
  t.deepEqual(before?.[12], {kind: 'same'})
  t.deepEqual(before?.[13], {kind: 'register', register: 3, offset: 0})
  t.deepEqual(before?.[14], {kind: 'cfa', offset: -16})
  t.deepEqual(before?.[15], {kind: 'at-cfa', offset: -48})
  const after = cfi.rowAt(toAddress(0x1001))?.row.rules
  t.is(after?.[3], undefined)
  t.deepEqual(after?.[16], {kind: 'at-cfa', offset: -8})
})

test("GNU's instructions: args_size is skipped, negative_offset_extended negates, window_save does nothing", t => {
  const cfi = table(builder => fde(cie(builder), 0x1000, 0x20, '2e 20 2f 03 02 2d 41 0e 18'))
  t.deepEqual(cfi.rowAt(toAddress(0x1000))?.row.rules[3], {kind: 'at-cfa', offset: 16})
  t.deepEqual(cfi.rowAt(toAddress(0x1001))?.row.cfa, {kind: 'register', register: 7, offset: 24})
})

test('an undefined return address is kept: it is the end of the stack', t => {
  const cfi = table(builder => fde(cie(builder), 0x1000, 0x20, '07 10'))
  t.deepEqual(cfi.rowAt(toAddress(0x1005))?.row.rules[16], {kind: 'undefined'})
})

test('augmentation S marks a signal frame; personality and LSDA encodings are stepped over', t => {
  const cfi = table(builder => {
    builder.label('cie').difference(4, 'cieEnd', 'cieId').label('cieId').u32(0).u8(1).cstring('zPLRSB')
    builder.uleb128(1).sleb128(-8).u8(16).uleb128(7).u8(0x9b).u32(0x1234).u8(0x1b).u8(0x1b)
    builder.hex('0c 07 08 90 01').align(8).label('cieEnd')
    fde(builder, 0x1000, 0x20, '')
  })
  t.true(cfi.rowAt(toAddress(0x1000))?.signalFrame)
})

test('an empty FDE covers nothing, and a terminator in the middle does not hide what follows', t => {
  const cfi = table(builder => {
    fde(cie(builder), 0x1000, 0, '')
    builder.u32(0)
    fde(builder, 0x1000, 0x10, '41 0e 10')
  })
  t.deepEqual(cfi.rowAt(toAddress(0x1001))?.row.cfa, {kind: 'register', register: 7, offset: 16})
})

test('a bad entry costs itself alone and is reported', t => {
  const diagnostics = new Diagnostics()
  const cfi = table(builder => {
    fde(cie(builder), 0x1000, 0x10, '3f')
    fde(builder, 0x2000, 0x10, '41 0e 10')
  }, diagnostics)
  t.is(cfi.rowAt(toAddress(0x1001)), undefined)
  t.is(diagnostics.list()[0]?.code, 'bad-cfi')
  t.regex(diagnostics.list()[0]?.message ?? '', /test:\.eh_frame\+0x[0-9a-f]+: unknown call frame instruction 0x3f/)
  t.truthy(cfi.rowAt(toAddress(0x2001)))
})

test('a row is made once, unless something was told of it', t => {
  const diagnostics = new ForwardedDiagnostics()
  const damaged = new BytesBuilder(EH_FRAME)
  fde(cie(damaged), 0x1000, 0x10, '3f')
  fde(damaged, 0x2000, 0x10, '41 0e 10')
  const whole = new BytesBuilder()
  whole.difference(4, 'c1e', 'c1').label('c1').u32(0xffffffff).u8(3).cstring('')
  whole.uleb128(1).sleb128(-8).uleb128(16).hex('0c 07 08 90 01').align(8).label('c1e')
  whole.difference(4, 'f1e', 'f1').label('f1').u32(0).u64(0x1000, 0x10).hex('41 0e 10').align(8).label('f1e')
  const cfi = new CfiTable(
    sectionSource({
      '.eh_frame': {bytes: damaged.build(), address: EH_FRAME},
      '.debug_frame': {bytes: whole.build(), address: 0},
    }),
    diagnostics,
  )
  t.is(cfi.rowAt(toAddress(0x2001)), cfi.rowAt(toAddress(0x2001)))
  for (const _core of [1, 2]) {
    const told = new Diagnostics()
    diagnostics.forwardTo(told)
    t.deepEqual(cfi.rowAt(toAddress(0x1001))?.row.cfa, {kind: 'register', register: 7, offset: 16})
    t.deepEqual(
      told.list().map(({code}) => code),
      ['bad-cfi'],
    )
  }
})

test('a length behind the section ends the walk with a diagnostic', t => {
  const diagnostics = new Diagnostics()
  const cfi = table(builder => {
    fde(cie(builder), 0x1000, 0x10, '41 0e 10')
    builder.u32(0x7fffffff).u32(1)
  }, diagnostics)
  t.truthy(cfi.rowAt(toAddress(0x1001)))
  t.is(diagnostics.list().length, 1)
})

test('.debug_frame: 32-bit and 64-bit entries, versions 3 and 4, absolute addresses', t => {
  const builder = new BytesBuilder()
  builder.difference(4, 'c1e', 'c1').label('c1').u32(0xffffffff).u8(3).cstring('')
  builder.uleb128(1).sleb128(-8).uleb128(16).hex('0c 07 08 90 01').align(8).label('c1e')
  builder.difference(4, 'f1e', 'f1').label('f1').u32(0).u64(0x1000, 0x10).hex('41 0e 10').align(8).label('f1e')
  builder
    .label('c2start')
    .u32(0xffffffff)
    .difference(8, 'c2e', 'c2')
    .label('c2')
    .u64(0xffffffffffffffffn)
    .u8(4)
    .cstring('')
  builder.u8(8, 0).uleb128(1).sleb128(-8).uleb128(16).hex('0c 07 08 90 01').align(8).label('c2e')
  builder.u32(0xffffffff).difference(8, 'f2e', 'f2').label('f2').u64('c2start').u64(0x2000, 0x10)
  builder.hex('41 0e 20').align(8).label('f2e')
  const cfi = new CfiTable(sectionSource({'.debug_frame': {bytes: builder.build(), address: 0}}), new Diagnostics())
  t.deepEqual(cfi.rowAt(toAddress(0x1001))?.row.cfa, {kind: 'register', register: 7, offset: 16})
  t.deepEqual(cfi.rowAt(toAddress(0x2001))?.row.cfa, {kind: 'register', register: 7, offset: 32})
})

test('.eh_frame_hdr is searched in place; a table that promises too much is replaced by our own', t => {
  const frame = new BytesBuilder(EH_FRAME)
  cie(frame)
  const first = frame.here
  fde(frame, 0x1000, 0x10, '41 0e 10')
  const second = frame.here
  fde(frame, 0x2000, 0x10, '41 0e 18')
  const header = (count: number) => {
    const builder = new BytesBuilder(HDR)
      .u8(1, 0x1b, 0x03, 0x3b)
      .u32(EH_FRAME - HDR - 4)
      .u32(count)
    return builder.u32(0x1000 - HDR, first - HDR, 0x2000 - HDR, second - HDR).build()
  }
  for (const count of [2, 0x20000000]) {
    const diagnostics = new Diagnostics()
    const sections = sectionSource({
      '.eh_frame': {bytes: frame.build(), address: EH_FRAME},
      '.eh_frame_hdr': {bytes: header(count), address: HDR},
    })
    const cfi = new CfiTable(sections, diagnostics)
    t.deepEqual(cfi.rowAt(toAddress(0x2001))?.row.cfa, {kind: 'register', register: 7, offset: 24})
    t.deepEqual(cfi.rowAt(toAddress(0x1005))?.row.cfa, {kind: 'register', register: 7, offset: 16})
    t.is(cfi.rowAt(toAddress(0x1010)), undefined)
    t.is(cfi.rowAt(toAddress(0xfff)), undefined)
    t.is(diagnostics.list().length, count === 2 ? 0 : 1)
  }
})

const REGISTERS = new Map([
  [6, 0x7ffe1000n],
  [7, 0x7ffe0ff0n],
  [16, 0x40100bn],
])
const memoryBytes = new BytesBuilder().u64(0x1122334455667788n, 0xfffffffffffffff8n).build()
const CONTEXT = {
  register: (number: number) => REGISTERS.get(number),
  memory: {
    read(address: number, length: number) {
      const source = new BytesSource(memoryBytes, 'memory')
      return address >= 0x7ffe1000 && address + length <= 0x7ffe1010
        ? source.read(address - 0x7ffe1000, length)
        : undefined
    },
  },
}
const evaluate = (hex: string, initial: bigint[] = []) =>
  evaluateExpression(new BytesBuilder().hex(hex).build(), initial, CONTEXT)

test("the linker's PLT expression: 8 more once the index is pushed", t => {
  // breg7 8; breg16 0; lit15; and; lit11; ge; lit3; shl; plus
  t.is(evaluate('77 08 80 00 3f 1a 3b 2a 33 24 22'), 0x7ffe0ff0n + 16n)
})

test('expressions wrap in 64 bits and compare signed', t => {
  t.is(evaluate('30 31 1c'), 0xffffffffffffffffn) // 0 - 1
  t.is(evaluate('09 ff 30 2d'), 1n) // -1 < 0
  t.is(evaluate('09 ff 31 25'), 0x7fffffffffffffffn) // logical shift
  t.is(evaluate('09 fe 31 26'), 0xffffffffffffffffn) // arithmetic shift
  t.is(evaluate('31 08 40 24'), 0n) // shift by 64
  t.is(evaluate('09 f8 32 1b'), 0xfffffffffffffffcn) // -8 / 2
  t.is(evaluate('31 32 33 17 13'), 0x1n) // rot: 1 2 3 -> 3 1 2
  t.is(evaluate('23 08', [0x10n]), 0x18n)
})

test('memory and registers that are not known make the value unknown, not wrong', t => {
  t.is(evaluate('76 00 06'), 0x1122334455667788n)
  t.is(evaluate('76 00 94 02'), 0x7788n)
  t.is(evaluate('76 08 06 06'), undefined)
  t.is(evaluate('75 00'), undefined)
})

test('a loop, a division by zero, an empty stack and an unknown operation are format errors', t => {
  for (const hex of ['2f fd ff', '31 30 1b', '22', '50', '31 2f 00 10', '06', '12 2f fc ff']) {
    t.throws(() => evaluate(hex), {instanceOf: FormatError}, hex)
  }
})

test('damaged entries give a row, nothing, or a diagnostic; never another error', t => {
  const builder = new BytesBuilder(EH_FRAME)
  fde(cie(builder), 0x1000, 0x42, STANDARD)
  fde(builder, 0x2000, 0x20, '0f 0b 77 08 80 00 3f 1a 3b 2a 33 24 22 16 03 02 76 00 10 0c 02 76 00')
  const whole = builder.build()
  let state = 12345
  const random = (limit: number) => {
    state = (state * 1103515245 + 12345) % 2147483648
    return Math.floor((state / 2147483648) * limit)
  }
  for (let round = 0; round < 3000; round++) {
    const bytes = whole.slice(0, random(4) === 0 ? random(whole.length) : whole.length)
    for (let flips = 1 + random(4); flips > 0 && bytes.length > 0; flips--) bytes[random(bytes.length)] = random(256)
    const diagnostics = new Diagnostics()
    const cfi = new CfiTable(sectionSource({'.eh_frame': {bytes, address: EH_FRAME}}), diagnostics)
    for (const pc of [0x1000, 0x1005, 0x2004, 0x1041]) {
      const row = cfi.rowAt(toAddress(pc))?.row
      if (row?.cfa.kind === 'expression') {
        try {
          evaluateExpression(row.cfa.expression, [], CONTEXT)
        } catch (error) {
          t.true(error instanceof FormatError, String(error))
        }
      }
    }
  }
  t.pass()
})

test('the walk over all FDEs and the reading of one say the same, in damaged sections too', t => {
  const builder = new BytesBuilder(EH_FRAME)
  cie(builder)
  for (const [index, start] of [0x1000, 0x2000, 0x3000, 0x4000].entries()) fde(builder, start, index * 8, STANDARD)
  const frames = builder.build()
  const wide = new BytesBuilder()
  wide.difference(4, 'end', 'cie').label('cie').u32(0xffffffff).u8(3).cstring('')
  wide.uleb128(1).sleb128(-8).uleb128(16).hex('0c 07 08 90 01').align(8).label('end')
  for (const start of [0x1000, 0x2000, 0xffffffffffff, 0]) wide.u32(28, 0).u64(start, 0x10).hex('41 0e 10').align(8)
  let compared = 0
  forAll(t, 600, random => {
    const name = random.below(2) === 0 ? '.eh_frame' : '.debug_frame'
    const bytes = (name === '.eh_frame' ? frames : wide.build()).slice()
    for (let flips = random.below(4); flips > 0; flips--) bytes[random.below(bytes.length)] = random.below(256)
    const cfi = openCfiSection(sectionSource({[name]: {bytes, address: EH_FRAME}}), name)
    for (const {offset, start, end} of cfi?.fdes(error => t.true(error instanceof FormatError)) ?? []) {
      const fde = cfi?.parseFde(offset)
      t.deepEqual([start, end], [fde?.start, fde?.end])
      compared++
    }
  })
  t.true(compared > 1000, `${compared} entries`)
})
