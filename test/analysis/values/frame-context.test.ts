import test from 'ava'
import {RegisterSet} from '../../../src/amd64/register-set.ts'
import {DWARF_REGISTER} from '../../../src/amd64/registers.ts'
import type {DeadProcess} from '../../../src/analysis/process/dead-process.ts'
import {FrameContext} from '../../../src/analysis/values/frame-context.ts'
import {ThreadLocalBlocks} from '../../../src/analysis/values/thread-local-blocks.ts'
import {toAddress} from '../../../src/base/address.ts'
import {Diagnostics} from '../../../src/base/diagnostics.ts'
import {DwarfInfo} from '../../../src/dwarf/dwarf-info.ts'
import {BytesBuilder} from '../../support/bytes-builder.ts'
import {type AttributeSpec, type DieSpec, DwarfBuilder, sectionSource} from '../../support/dwarf-builder.ts'
import {memoryOf} from '../../support/memory-of.ts'

/** rdi, as an expression: what the first argument was passed in. */
const RDI = Uint8Array.of(0x55)

/** `callee` at 0x1000 and `caller` at 0x2000, whose call that returns to 0x2010 passed what rbx holds in rdi. */
function contexts(call: readonly AttributeSpec[], parts: {cfa?: number} = {}) {
  const code = (name: string, start: number, children: readonly DieSpec[] = []): DieSpec => ({
    tag: 'subprogram',
    label: name,
    attributes: [
      ['name', 'string', name],
      ['low_pc', 'addr', start],
      ['high_pc', 'data4', 0x100],
    ],
    children,
  })
  const parameter: DieSpec = {
    tag: 'call_site_parameter',
    attributes: [
      ['location', 'exprloc', RDI],
      ['call_value', 'exprloc', Uint8Array.of(0x73, 0)],
    ],
  }
  const site: DieSpec = {
    tag: 'call_site',
    attributes: [['call_return_pc', 'addr', 0x2010], ...call],
    children: [parameter],
  }
  const other: DieSpec = code('other', 0x3000)
  const root: DieSpec = {
    tag: 'compile_unit',
    attributes: [
      ['language', 'data1', 0x0c],
      ['low_pc', 'addr', 0x1000],
      ['high_pc', 'data4', 0x3000],
    ],
    children: [code('callee', 0x1000), other, code('caller', 0x2000, [site])],
  }
  const dwarf = new DwarfInfo(sectionSource(new DwarfBuilder().unit({version: 5, root}).build()), {
    diagnostics: new Diagnostics(),
  })
  const module = {path: 'prog', linkAddress: (address: number) => address}
  const process = {
    memory: memoryOf(new BytesBuilder(0x7000).u64(0)),
    modules: [{path: 'prog', isExecutable: true}],
    symbolizer: {debugAt: () => ({module, dwarf})},
  } as unknown as DeadProcess
  const blocks = new ThreadLocalBlocks(process)
  const around = {thread: undefined, vectors: () => undefined, caller: undefined, blocks}
  const frame = {isGo: false, index: 0, count: 1}
  const registers = RegisterSet.ofPosition(toAddress(0x2010), toAddress(0x7100))
    .toBuilder()
    .setAddress(DWARF_REGISTER.rbx, 0x1000)
    .build()
  const caller = FrameContext.of(
    process,
    {
      ...frame,
      pc: toAddress(0x2010),
      lookupPc: toAddress(0x200f),
      sp: toAddress(0x7100),
      cfa: toAddress(0x7200),
      registers,
    },
    around,
  )
  const {cfa = 0x7100} = parts
  return FrameContext.of(
    process,
    {
      ...frame,
      ...{pc: toAddress(0x1020), lookupPc: toAddress(0x1020), sp: toAddress(0x70f0), cfa: toAddress(cfa)},
      registers: RegisterSet.ofPosition(toAddress(0x1020), toAddress(0x70f0)),
    },
    {...around, caller},
  )
}

const origin = (name: string): AttributeSpec => ['call_origin', 'ref4', name]
const target = (...bytes: number[]): AttributeSpec => ['call_target', 'exprloc', Uint8Array.of(...bytes)]

test('what a function was entered with is what its caller passed', t => {
  t.is(contexts([origin('callee')])?.entryValue(RDI), 0x1000n)
  t.is(contexts([origin('callee')])?.entryValue(Uint8Array.of(0x54)), undefined, 'rsi was not passed')
})

test('a call of another function, which left by a jump, tells nothing', t => {
  t.is(contexts([origin('other')])?.entryValue(RDI), undefined)
})

test('a call through a pointer tells what was passed where the pointer led to the function', t => {
  t.is(contexts([target(0x73, 0)])?.entryValue(RDI), 0x1000n, 'rbx is its entry')
  t.is(contexts([target(0x73, 0x10)])?.entryValue(RDI), undefined)
  t.is(contexts([])?.entryValue(RDI), undefined, 'nothing tells where the call led')
})

test('a frame that does not begin where the other ends did not call it', t => {
  t.is(contexts([origin('callee')], {cfa: 0x7180})?.entryValue(RDI), undefined)
})
