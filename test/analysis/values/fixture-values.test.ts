// What the frames of committed crashes held: C of GCC -O2 by location lists, call sites and inlined calls, and Go by
// its own. The values were held against gdb's and Delve's by `npm run compare:values`.
import test from 'ava'
import {openFixture} from '../../../lab/fixtures.ts'
import type {FrameReport, GoroutineReport} from '../../../src/report/core-report.ts'
import {runCommand} from '../../support/run-command.ts'

const RECORD = 'record = 0x7ffd646fc3b0: {kind = 0, length = 5, values = 0x0}'
const THIS = 'this = 0x5a96ca0: {value_ = 4, missing_ = 0x0}'

async function goroutineOfCrash(name: string, args: readonly string[]): Promise<GoroutineReport> {
  const {core, executable, sysroot} = await openFixture(name)
  const {stdout, stderr} = runCommand(['analyze', core, '-e', executable, '--sysroot', sysroot, '--json', ...args])
  const {goroutines} = JSON.parse(stdout) as {goroutines: GoroutineReport[]}
  const [first] = goroutines
  if (!first) throw new Error(stderr)
  return first
}

/** `name = value` for each, with what is not whole marked. */
function shown({variables}: FrameReport): string[] | null {
  return variables?.map(({name, value, state}) => `${name} = ${value}${state === 'ok' ? '' : ` (${state})`}`) ?? null
}

function valuesOf({frames}: GoroutineReport, names: readonly string[]): Record<string, string[] | null> {
  const found = names.map(name => [name, frames.find(frame => frame.function === name)] as const)
  return Object.fromEntries(found.map(([name, frame]) => [name, frame ? shown(frame) : null]))
}

test('variables of C and Go in one stack: in registers, on the stack, told by a caller, lost', async t => {
  const goroutine = await goroutineOfCrash('cfault-segv-go1.24', ['--values=all'])
  t.deepEqual(
    valuesOf(goroutine, [
      ...['store_value', 'update_record', 'process_batch', 'cfault_segv'],
      ...['main.(*server).dispatch', 'main.(*server).handle'],
    ]),
    {
      store_value: ['value = 2', 'index = 2', RECORD],
      update_record: [RECORD, 'value = 2'],
      process_batch: ['records = <not saved> (not-saved)', 'count = <not saved> (not-saved)', 'total = 0', 'i = 0'],
      cfault_segv: [
        'depth = <not saved> (not-saved)',
        'records = {{kind = 0, length = 5, values = 0x0}, {kind = 0, length = 5, values = 0x0}}',
      ],
      'main.(*server).dispatch': [
        's = <optimized out> (optimized-out)',
        'name = "segv"',
        'depth = <optimized out> (optimized-out)',
        '~r0 = <optimized out> (optimized-out)',
      ],
      'main.(*server).handle': [
        's = <not saved> (not-saved)',
        'r = main.request {name: <not saved>, depth: <not saved>} (not-saved)',
        '~r0 = <optimized out> (optimized-out)',
      ],
    },
  )
})

test('a variable as data, with its place', async t => {
  const goroutine = await goroutineOfCrash('cfault-segv-go1.24', ['--values=all'])
  const [value, , record] = goroutine.frames[0]?.variables ?? []
  t.deepEqual(value, {
    ...{name: 'value', kind: 'argument', type: 'int', value: '2', structured: 2},
    ...{address: null, register: 'rsi', state: 'ok'},
  })
  t.deepEqual(record, {
    ...{name: 'record', kind: 'argument', type: 'struct record *', value: RECORD.slice('record = '.length)},
    ...{
      structured: {pointer: '0x7ffd646fc3b0', value: {kind: 0, length: 5, values: {pointer: '0x0'}}},
      address: null,
      register: 'rdi',
      state: 'ok',
    },
  })
})

test('values of C++: containers and what they own, references, this, captured variables', async t => {
  const goroutine = await goroutineOfCrash('cxx-fault-go1.27', ['--values=all'])
  const [sum, lambda, oak, walk] = goroutine.frames.map(frame => shown(frame))
  const trees = '@0x7ffcd359e240: std::vector of length 1, capacity 1'
  t.deepEqual(sum, [THIS, 'depth = 0'])
  t.deepEqual(lambda, [
    'n = <not saved> (not-saved)',
    '__closure = &({__this = 0x5a96ca0})',
    'this = <optimized out> (optimized-out)',
  ])
  t.deepEqual(oak, [
    'this = 0x5a96ca0: {<Tree<long int>> = {value_ = 4, missing_ = 0x0}}',
    // Called through a table, so that no call site proves what it was given.
    'depth = <not saved> (not-saved)',
    'add = {__this = 0x5a96ca0}',
  ])
  t.deepEqual(walk, [
    `trees = ${trees} = {std::unique_ptr 0x5a96ca0: {value_ = 4, missing_ = 0x0}}`,
    'depth = 1',
    'total = 0',
    'tree = @0x5a96cc0: std::unique_ptr 0x5a96ca0: {value_ = 4, missing_ = 0x0}',
    `__for_range = ${trees} = {std::unique_ptr 0x5a96ca0: {value_ = 4, missing_ = 0x0}}`,
    '__for_begin = <optimized out> (optimized-out)',
    '__for_end = <optimized out> (optimized-out)',
  ])
})

test('the registers of the operand that faulted are told as the variables that they were', async t => {
  const {core, executable, sysroot} = await openFixture('cfault-segv-go1.24')
  const args = [core, '-e', executable, '--sysroot', sysroot, '--values=all']
  const {stdout} = runCommand(['threads', ...args])
  t.regex(stdout, /\(%rdx,%rcx,4\) = 0x8: null plus 0x8\n\t%rdx = record->values = 0x0\n/)
  const summary = runCommand(['analyze', ...args]).stdout.replaceAll(/\n\s+/g, ' ')
  t.true(
    summary.startsWith(
      'cfault died: SIGSEGV in C: mov %eax,(%rdx,%rcx,4): null plus 0x8; %rdx is record->values = 0x0',
    ),
  )
})

test('--values args leaves out locals; without the flag there is nothing', async t => {
  const args = await goroutineOfCrash('cfault-segv-go1.24', ['--values', 'args'])
  t.deepEqual(valuesOf(args, ['process_batch']), {
    process_batch: ['records = <not saved> (not-saved)', 'count = <not saved> (not-saved)'],
  })
  const without = await goroutineOfCrash('cfault-segv-go1.24', [])
  t.true(without.frames.every(frame => !('variables' in frame)))
})

test('--values and --redact exclude each other', t => {
  const {stderr, exitCode} = runCommand(['analyze', 'core', '--values=all', '--redact'])
  t.is(exitCode, 2, stderr)
})

test('without DWARF the arguments that the tables describe: sizes, pointers, what is not in its place', async t => {
  const stripped = await goroutineOfCrash('cfault-segv-go1.27-pie-nosymbols', ['--values'])
  t.deepEqual(valuesOf(stripped, ['main._Cfunc_cfault_segv', 'main.(*server).dispatch', 'main.main.func1']), {
    'main._Cfunc_cfault_segv': ['null = 0x5'],
    'main.(*server).dispatch': [
      'null = <not saved> (not-saved)',
      'null = {0x7ffd77770f9a, 0x4} <perhaps "segv">',
      'null = <not saved> (not-saved)',
    ],
    'main.main.func1': [],
  })
  const [receiver] = stripped.frames.find(({function: name}) => name === 'main.(*server).handle')?.variables ?? []
  t.deepEqual(receiver, {
    ...{name: null, kind: 'argument', type: '*main.server', value: '0x478f6116020'},
    ...{structured: {pointer: '0x478f6116020'}, address: null, register: null, state: 'ok'},
  })
  // C has none without its debug information.
  t.is(stripped.frames[0]?.variables, null)
})

test('up to Go 1.16 the words of arguments and results are not told apart', async t => {
  const goroutine = await goroutineOfCrash('deaths-altstack-go1.15-nodwarf', ['--values'])
  const descend = goroutine.frames.find(({function: name}) => name === 'main.descend')
  t.deepEqual(descend?.variables, [
    {
      ...{name: null, kind: 'argument', type: 'arguments and results', value: '{0x1, 0x0}'},
      ...{structured: ['0x1', '0x0'], address: null, register: null, state: 'ok'},
    },
  ])
})
