import test from 'ava'
import {type Address, toAddress} from '../../src/base/address.ts'
import {RuntimeGlobals} from '../../src/runtime-model/runtime-globals.ts'
import {assemble, type Instruction} from '../support/code-builder.ts'
import {ProcessBuilder} from './process-builder.ts'

/** Room for one function: what follows it is not decoded. */
const FUNCTION_SIZE = 0x100
const PADDING = 0xcc

/** Where the code of a case finds its variables. */
interface Variables {
  sched: number
  allm: number
  other: number
  iscgo: number
}

/**
 * runtime.mcommoninit from its start to the store of allm, the instructions that name variables and those between that
 * matter, as the compilers of the releases write them.
 */
const MCOMMONINIT: readonly (readonly [releases: string, code: (at: Variables) => Instruction[]])[] = [
  [
    '1.7 to 1.9: sched.mnext has four bytes',
    ({sched, allm, other, iscgo}) => [
      ['48 8d 05', sched + 0x10], //         lea  sched.lock,%rax
      ['8b 05', sched + 0x28], //            mov  sched.mnext,%eax
      ['8b 05', sched + 0x28], //            mov  sched.mnext,%eax
      ['ff c0'], //                          inc  %eax
      ['89 05', sched + 0x28], //            mov  %eax,sched.mnext
      ['48 8b 0d', allm], //                 mov  allm,%rcx
      ['8b 15', other], //                   mov  writeBarrier,%edx
      ['48 8d 0d', allm], //                 lea  allm,%rcx
      ['48 8d 05', sched + 0x10], //         lea  sched.lock,%rax
      ['0f b6 05', iscgo], //                movzbl iscgo,%eax
    ],
  ],
  [
    '1.10 to 1.13: sched.mnext is loaded and incremented in place',
    ({sched, allm, other}) => [
      ['48 8d 05', sched + 0x10], //         lea  sched.lock,%rax
      ['48 8b 05', sched + 0x28], //         mov  sched.mnext,%rax
      ['48 8d 48 01'], //                    lea  1(%rax),%rcx
      ['48 ff 05', sched + 0x28], //         incq sched.mnext
      ['8b 05', other], //                   mov  fastrandseed,%eax
      ['48 8b 0d', allm], //                 mov  allm,%rcx
      ['83 3d', other + 8, '00'], //         cmpl $0,writeBarrier
      ['48 89 88 50 01 00 00'], //           mov  %rcx,0x150(%rax)
      ['48 8d 0d', allm], //                 lea  allm,%rcx
      ['48 8d 05', sched + 0x10], //         lea  sched.lock,%rax
    ],
  ],
  [
    '1.14: the same, with a larger sched',
    ({sched, allm, other, iscgo}) => [
      ['48 8d 05', sched + 0x18],
      ['48 8b 05', sched + 0x30],
      ['48 ff 05', sched + 0x30],
      ['48 8b 05', other], //                mov  fastrandseed,%rax
      ['48 8b 0d', other],
      ['48 8b 0d', allm],
      ['83 3d', other + 8, '00'],
      ['48 8d 0d', allm],
      ['48 8d 05', sched + 0x18],
      ['80 3d', iscgo, '00'], //             cmpb $0,iscgo
    ],
  ],
]

function buildProcess() {
  const builder = new ProcessBuilder(14)
  const m = builder.struct('m', {})
  const g0 = builder.struct('g', {m})
  builder.write(m, g0)
  const data = builder.allocate(0x400)
  const at = {sched: data + 0x100, allm: data, other: data + 0x80, iscgo: data + 0x90}
  builder.write(at.sched + 0x28, 7)
  builder.write(at.sched + 0x30, 7)
  builder.write(at.allm, m)
  return {builder, at}
}

function addCode(builder: ProcessBuilder, name: string, instructions: readonly Instruction[]): Address {
  const entry = builder.functionNamed(name)
  const code = assemble(entry, instructions)
  builder.bytes([...code, 0xc3, ...new Array(FUNCTION_SIZE - code.length - 1).fill(PADDING)], entry)
  return entry
}

for (const [releases, code] of MCOMMONINIT) {
  for (const [state, started] of [
    ['in a process that runs', true],
    ['before the runtime has begun', false],
  ] as const) {
    test(`mcommoninit of ${releases}: allm is the list it stores to, ${state}`, t => {
      const {builder, at} = buildProcess()
      if (!started) builder.write(at.allm, 0)
      addCode(builder, 'runtime.mcommoninit', code(at))
      const globals = new RuntimeGlobals(builder, builder.access.tables, () => undefined)
      t.is(globals.address('runtime.allm'), toAddress(at.allm))
    })
  }
}

test('a variable that code names is believed only where it points at what it should', t => {
  const {builder, at} = buildProcess()
  // A word whose address is taken too, but that leads to no machine.
  const stranger = at.allm + 0x10
  builder.write(stranger, at.other)
  addCode(builder, 'runtime.mcommoninit', [
    ['48 8b 0d', stranger],
    ['48 8d 0d', stranger],
    ['48 8b 0d', at.allm],
    ['48 8d 0d', at.allm],
  ])
  const globals = new RuntimeGlobals(builder, builder.access.tables, () => undefined)
  t.is(globals.address('runtime.allm'), toAddress(at.allm))
})

test('where every place that code names is refuted, the data is searched', t => {
  const {builder, at} = buildProcess()
  builder.write(at.allm, at.other)
  addCode(builder, 'runtime.mcommoninit', [
    ['48 8b 0d', at.allm],
    ['48 8d 0d', at.allm],
  ])
  const found = toAddress(at.allm + 0x20)
  const globals = new RuntimeGlobals(
    builder,
    builder.access.tables,
    () => undefined,
    () => ({globals: {'runtime.allm': found}, machineHeads: []}),
  )
  t.is(globals.address('runtime.allm'), found)
})

for (const [releases, compare] of [
  ['up to 1.16', ['48 39 1d', '48 8b 05']],
  ['since 1.17', ['48 8b 35', '48 8b 05']],
] as const) {
  test(`main and newstack, ${releases}: the limit of stacks is the first that main sets of those that newstack asks`, t => {
    const {builder, at} = buildProcess()
    const [limit, ceiling] = [at.other + 0x40, at.other + 0x48]
    addCode(builder, 'runtime.main', [
      ['48 c7 05', at.other, '01 00 00 00'], //      another word that it sets
      ['48 c7 05', limit, '00 ca 9a 3b'], //         movq $1000000000,maxstacksize
      ['48 c7 05', ceiling, '00 94 35 77'], //       movq $2000000000,maxstackceiling
    ])
    addCode(builder, 'runtime.newstack', [['48 39 15', ceiling], ...compare.map(head => [head, limit] as const)])
    const globals = new RuntimeGlobals(builder, builder.access.tables, () => undefined)
    t.is(globals.address('runtime.maxstacksize'), toAddress(limit))
  })
}
