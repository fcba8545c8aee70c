// Live checks, run by `npm run test:live`: the fixture programs built and crashed anew with the installed toolchains
// that GOTRACE_GO_VERSIONS names, and what `analyze` prints held against what the dying runtime printed.
import assert from 'node:assert/strict'
import {existsSync, mkdtempSync, readFileSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import process from 'node:process'
import {describe, test} from 'node:test'
import {build, isToolPresent} from '../../lab/build.ts'
import {compareCFrames, compareTracebacks} from '../../lab/compare.ts'
import {type Crash, crash} from '../../lab/crash.ts'
import {gotrace} from '../../lab/gotrace.ts'
import {findProgram} from '../../lab/programs.ts'
import {installedReleases} from '../../lab/toolchain.ts'
import {framesOf, parseTraceback, type TracebackBlock} from '../../lab/traceback.ts'

interface Expectation {
  readonly program: string
  readonly mode: string
  /** Functions that stand in the crashing goroutine in this order, C and Go; others may stand between. */
  readonly functions: readonly (string | RegExp)[]
  readonly needsFile?: string
}

const expectations: readonly Expectation[] = [
  {
    program: 'cfault',
    mode: 'segv',
    functions: [
      'store_value',
      'update_record',
      'process_batch',
      'cfault_segv',
      'runtime.cgocall',
      'main.(*server).dispatch',
    ],
  },
  {
    program: 'cfault',
    mode: 'abort',
    functions: [/^(__GI_)?abort$/, 'check_record', 'cfault_abort', 'runtime.cgocall', 'main.(*server).handle'],
  },
  {
    program: 'callback',
    mode: 'deep',
    functions: [
      'poke',
      'relay_deepest',
      'relay_fault',
      'main.(*stage).step',
      'relay_inner',
      'relay_call',
      'call_go',
      'main.enter',
      'main.(*stage).step',
      'relay_inner',
      'relay_call',
      'main.enter',
    ],
  },
  // A panic runs the deferred functions of cgocallbackg first; after that the runtime prints on the g0 stack where the
  // C frames were.
  {program: 'callback', mode: 'panic', functions: ['panic', 'main.(*stage).step', 'main.enter']},
  {program: 'callback', mode: 'thread', functions: ['relay_deepest', 'main.(*stage).step', 'relay_inner', 'run']},
  {
    program: 'hooks',
    mode: 'callback',
    functions: ['store', 'damage', 'hooks_fault', 'main.visit', 'scale', 'middle', 'hooks_outer', 'main.outer'],
  },
  {program: 'blocked', mode: 'fault', functions: ['overwrite', 'spoil', 'wait_fault', 'main.crash', 'main.main']},
  {program: 'blocked', mode: 'panic', functions: ['panic', 'main.crash', 'main.main']},
  {program: 'gopanic', mode: 'nil', functions: ['panic', 'runtime.sigpanic', 'main.sum', 'main.start']},
  {program: 'hosted', mode: 'fault', functions: ['poke', 'spoil', 'host_fault', 'main.(*task).run', 'main.hosted_run']},
  {
    program: 'query',
    mode: 'fault',
    needsFile: '/usr/include/sqlite3.h',
    functions: ['query_spoil', 'query_fault', 'main.weigh', 'goWeigh', 'sqlite3_step', 'sqlite3_exec', 'main.run'],
  },
]

const releases = (process.env.GOTRACE_GO_VERSIONS ?? '1.24 1.27').split(/[\s,]+/).filter(name => name !== '')

for (const release of releases) {
  describe(`Go ${release}`, {skip: installedReleases().includes(release) ? false : 'not installed'}, () => {
    for (const expectation of expectations) {
      test(`${expectation.program} ${expectation.mode}`, {skip: reasonToSkip(expectation)}, async () => {
        await checkCrash(release, expectation)
      })
    }
  })
}

function reasonToSkip(expectation: Expectation): string | false {
  const {needs} = findProgram(expectation.program)
  if (!isToolPresent(needs)) return `${needs} is not installed`
  if (expectation.needsFile !== undefined && !existsSync(expectation.needsFile)) return `no ${expectation.needsFile}`
  return false
}

async function checkCrash(release: string, expectation: Expectation): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'gotrace-live-'))
  try {
    const executable = build(expectation.program, release)
    const result = await crash(executable, expectation.mode, join(directory, 'run'))
    assert.ok(result.corePath, 'the crash left no core')
    checkAgainstRuntime(result, result.corePath)
    checkFunctions(result.corePath, expectation)
  } finally {
    rmSync(directory, {recursive: true, force: true})
  }
}

/** Without C frames we print exactly what the runtime printed; with them, all that its own symbolizer found. */
function checkAgainstRuntime(result: Crash, core: string): void {
  const want = parseTraceback(readFileSync(result.stderrPath, 'utf8'))
  const plain = gotrace(['analyze', core, '--traceback', 'crash', '--cgo-frames', 'none'])
  assert.equal(plain.exitCode, 0, plain.stderr)
  const comparison = compareTracebacks(want, parseTraceback(plain.stdout))
  assert.deepEqual(comparison.differences, [], comparison.differences.join('\n'))
  const full = gotrace(['analyze', core, '--traceback', 'crash'])
  assert.equal(full.exitCode, 0, full.stderr)
  assert.deepEqual(compareCFrames(want, parseTraceback(full.stdout)).differences, [])
}

function checkFunctions(core: string, expectation: Expectation): void {
  const {stdout, stderr, exitCode} = gotrace(['analyze', core, '--traceback', 'crash'])
  assert.equal(exitCode, 0, stderr)
  const crashing = parseTraceback(stdout).blocks.find(block => block.id !== 'runtime stack')
  assert.ok(crashing, `no goroutine in:\n${stdout}`)
  const names = functionsOf(crashing)
  let at = 0
  for (const name of expectation.functions) {
    const found = names.findIndex((other, index) => index >= at && (other === name || matches(name, other)))
    assert.ok(found >= 0, `${name} is not in its place among:\n${names.join('\n')}`)
    at = found + 1
  }
}

/** Names alone, without gcc's marks of a clone; arguments hold no parentheses, so the last one opens them. */
function functionsOf(block: TracebackBlock): string[] {
  return framesOf(block).map(({call}) => {
    const name = call.endsWith(')') ? call.slice(0, call.lastIndexOf('(')) : call
    return name.replace(/(\.(constprop|isra|part|cold)(\.\d+)?)+$/, '')
  })
}

/** The system's libc names its functions twice where its debug info is installed. */
function matches(pattern: string | RegExp, name: string): boolean {
  return pattern instanceof RegExp && pattern.test(name)
}
