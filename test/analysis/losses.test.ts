// What is missing has a name and a cure: symbols of modules, memory that the core was made without, ranges of stacks.
import test from 'ava'
import {openFixture} from '../../lab/fixtures.ts'
import {USER_REGS} from '../../src/amd64/user-regs.ts'
import {GUESSED_THREAD, LOST_THREAD, lossesOfThreads} from '../../src/analysis/losses.ts'
import {describeRange, isFiltered, ownMemory} from '../../src/analysis/process/core-memory.ts'
import type {ThreadStack} from '../../src/analysis/stacks/thread-walk.ts'
import type {Address} from '../../src/base/address.ts'
import {BytesSource} from '../../src/base/byte-source.ts'
import type {CoreFile} from '../../src/elf/core-file.ts'
import {CoreSegments} from '../../src/elf/core-segments.ts'
import type {Segment} from '../../src/elf/elf-headers.ts'
import type {FoundBy, StopReason} from '../../src/report/vocabulary.ts'
import {runCommand} from '../support/run-command.ts'

const {core, executable, sysroot} = await openFixture('cxx-throw-go1.27')
const files = [core, '-e', executable, '--sysroot', sysroot]

test('a module without debug information says how many frames that costs, and what would help', t => {
  const report = JSON.parse(runCommand(['analyze', ...files, '--json']).stdout)
  const losses = Object.fromEntries(
    report.modules.flatMap(({path, losses}: {path: string; losses: {unnamed: number; withoutLine: number} | null}) =>
      losses ? [[path.replace(/.*\//, ''), [losses.unnamed, losses.withoutLine]]] : [],
    ),
  )
  t.deepEqual(losses, {'libc.so.6': [1, 2], 'libstdc++.so.6.0.30': [2, 2]})
  const libc = report.modules.find(({path}: {path: string}) => path.endsWith('/libc.so.6'))
  t.regex(libc.losses.remedies[0], /^DEBUGINFOD_URLS=https:\/\/\S+ gotrace-core analyze \S+ -e \S+ --sysroot \S+$/)
  t.regex(libc.losses.remedies.at(-1), /^add --debug-dir DIR, .* DIR\/\.build-id\/[0-9a-f]{2}\/[0-9a-f]+\.debug$/)
  const told = report.diagnostics.filter(({code}: {code: string}) => code === 'symbols-missing')
  t.deepEqual(
    told.map(({where, severity}: {where: string; severity: string}) => [where, severity]),
    [
      ['/usr/lib/x86_64-linux-gnu/libc.so.6', 'warning'],
      ['/usr/lib/x86_64-linux-gnu/libstdc++.so.6.0.30', 'warning'],
    ],
  )
  t.regex(report.summary.missing.what, /^libstdc\+\+\.so\.6\.0\.30: 2 frames have no name, 2 have no line: /)
  t.is(
    report.summary.missing.command,
    report.modules.find(({path}: {path: string}) => /stdc/.test(path)).losses.remedies[0],
  )
})

test('a frame without a name shows its file and offset; the text of Go alone knows of no files', t => {
  t.regex(runCommand(['analyze', ...files, '--quiet']).stdout, /^non-Go function\n\tpc=0x\w+ libc\.so\.6\+0x8aeec$/m)
  t.regex(runCommand(['threads', ...files, '--quiet']).stdout, /^non-Go function\n\tpc=0x\w+ libc\.so\.6\+0x8aeec$/m)
  const go = runCommand(['analyze', ...files, '--quiet', '--traceback', 'all']).stdout
  t.regex(go, /^non-Go function\n\tpc=0x[0-9a-f]+$/m)
  t.notRegex(go, /libc\.so\.6\+/)
})

test('--strict says why it ends with 3, in JSON too', t => {
  const {stderr, exitCode} = runCommand(['analyze', ...files, '--strict'])
  t.is(exitCode, 3)
  t.regex(stderr, /^gotrace-core: incomplete: 3 of 10 C frames have no name or were guessed$/m)
  const {completeness} = JSON.parse(runCommand(['analyze', ...files, '--json']).stdout)
  t.deepEqual(completeness.reasons, ['3 of 10 C frames have no name or were guessed'])
})

test('info knows of the program what analyze knows', t => {
  for (const args of [files, [core]]) {
    const [info, analyze] = ['info', 'analyze'].map(name => JSON.parse(runCommand([name, ...args, '--json']).stdout).go)
    t.deepEqual(info, analyze)
  }
})

/** A core of such segments: [start, size, bytes of it that are dumped], all of memory that can be written to. */
function coreOf(...loads: readonly [start: number, size: number, dumped: number][]): CoreFile {
  const segments = loads.map(([address, memorySize, fileSize]) => ({
    ...{address, memorySize, fileSize, offset: 0, readable: true, writable: true, executable: false},
  }))
  const source = new BytesSource(new Uint8Array(0x2000), 'core')
  return {
    segments: new CoreSegments(source, segments as unknown as Segment[]),
    mappings: [{start: 0x9000 as Address, end: 0xa000 as Address, fileOffset: 0, path: '/lib/x.so'}],
    threads: [],
  } as unknown as CoreFile
}

test('a core that holds little of what the process could write to is filtered; files on disk do not count', t => {
  const filtered = coreOf([0x1000, 0x1000, 0], [0x3000, 0x1000, 0x800], [0x9000, 0x1000, 0])
  t.deepEqual(ownMemory(filtered), {dumped: 0x800, leftOut: 0x1800})
  t.true(isFiltered(filtered))
  t.false(isFiltered(coreOf([0x1000, 0x1000, 0x1000], [0x9000, 0x1000, 0])))
})

test('a core that has the stacks is not filtered, whatever the process asked to be left out', t => {
  const asked = coreOf([0x1000, 0x1000, 0x1000], [0x3000, 0x10_0000, 0])
  const threads = [0x1800, 0x3800].map((rsp, tid) => {
    const registers = new BigUint64Array(27)
    registers[USER_REGS.rsp] = BigInt(rsp)
    return {tid, registers}
  })
  t.false(isFiltered({...asked, threads} as unknown as CoreFile))
  t.true(isFiltered({...asked, threads: threads.slice(1)} as unknown as CoreFile))
})

test('the range that a stack goes on in is named, with the bit of coredump_filter that leaves it out', t => {
  const filtered = coreOf([0x1000, 0x1000, 0], [0x3000, 0x1000, 0x1000], [0x9000, 0x1000, 0])
  t.like(describeRange(filtered, 0x1800 as Address), {
    text: '0x1000-0x2000, anonymous memory, which was left out of the core',
    hint: 'before the next crash: echo 0x33 > /proc/PID/coredump_filter (bit 0: private memory; core(5))',
  })
  t.regex(describeRange(filtered, 0x9800 as Address)?.hint ?? '', /0x37 .*bit 2: file-backed/)
  t.is(describeRange(filtered, 0x3800 as Address), undefined)
  const cut = coreOf([0x1000, 0x4000, 0x4000])
  t.like(describeRange(cut, 0x4800 as Address), {text: '0x3000-0x5000, anonymous memory, which was cut off'})
})

test('a report of threads is whole where each was walked to its end, and nothing was guessed', t => {
  const stack = (stop: StopReason, ...found: FoundBy[]) => ({stop, frames: found.map(foundBy => ({foundBy}))})
  const losses = (...stacks: ReturnType<typeof stack>[]) => lossesOfThreads(stacks as unknown as ThreadStack[])
  const whole = stack('end-of-stack', 'context', 'pcsp')
  t.deepEqual(losses(whole), [])
  t.deepEqual(losses(whole, stack('end-of-stack', 'context', 'scan')), [GUESSED_THREAD])
  t.deepEqual(losses(stack('end-of-stack', 'scan'), stack('unmapped', 'context')), [LOST_THREAD])
})
