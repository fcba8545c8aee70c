// Go's own test programs of runtime.SetCgoTraceback, from the toolchains' sources, killed in several ways: with their
// hooks run over the core, the goroutine that crashed and every C line are what the runtime printed.
import assert from 'node:assert/strict'
import {execFileSync, spawnSync} from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {after, describe, test} from 'node:test'
import {labDirectory} from '../../lab/build.ts'
import {checkCorePattern} from '../../lab/crash.ts'
import {gotrace} from '../../lab/gotrace.ts'
import {buildEnvironment, installedReleases, minorOf, openToolchain} from '../../lab/toolchain.ts'
import {framesOf, isCFrame, parseTraceback, type Traceback} from '../../lab/traceback.ts'

const FILES = ['main.go', 'traceback.go', 'traceback_c.c', 'tracebackctxt.go', 'tracebackctxt_c.c']

/** How a program that would end by itself dies: by a signal, in C, in Go. */
const DIE = `package main

/*
static char *nowhere;
static void dieInC(void) { *nowhere = 0; }
*/
import "C"
import (
	"syscall"
	"time"
)

func dieAs(how string) {
	switch how {
	case "quit":
		syscall.Kill(syscall.Getpid(), syscall.SIGQUIT)
		time.Sleep(10 * time.Second)
	case "fault":
		C.dieInC()
	case "panic":
		panic("in G2")
	}
}
`

const CRASHES = [
  {name: 'CrashTraceback', die: '', since: 15},
  {name: 'CrashTracebackGo', die: '', since: 19},
  {name: 'TracebackContext', die: 'quit', since: 15},
  {name: 'TracebackContext', die: 'fault', since: 19},
  {name: 'TracebackContext', die: 'panic', since: 15},
  {name: 'TracebackContextPreemption', die: 'quit', since: 19},
] as const

const directory = mkdtempSync(join(tmpdir(), 'gotrace-hooks-'))
after(() => rmSync(directory, {recursive: true, force: true}))

for (const release of installedReleases()) {
  describe(`Go ${release}`, () => {
    for (const {name, die, since} of CRASHES) {
      const reason = minorOf(release) < since ? 'the release has no such program, or dies without a traceback' : false
      test(`${name} ${die}`, {skip: reason}, () => checkCrash(release, name, die))
    }
  })
}

function checkCrash(release: string, name: string, die: string): void {
  const program = build(release)
  const run = join(directory, `run-${release}-${name}-${die}`)
  const {core, stderr} = crash(program, name, die, run)
  const text = gotrace(['analyze', core, '--exe', program, '--traceback', 'crash', '--cgo-frames', 'hooks'])
  assert.equal(text.exitCode, 0, text.stderr)
  const [want, got] = [parseTraceback(stderr), parseTraceback(text.stdout)]
  assert.deepEqual(blockOf(got, '1'), blockOf(want, '1'))
  for (const {id, lines} of want.blocks) {
    const block = want.blocks.find(each => each.id === id)
    if (block && framesOf(block).some(isCFrame)) assert.deepEqual(blockOf(got, id)?.lines, lines, `goroutine ${id}`)
  }
  rmSync(run, {recursive: true, force: true})
}

function blockOf({blocks}: Traceback, id: string) {
  return blocks.find(block => block.id === id)
}

const built = new Map<string, string>()

function build(release: string): string {
  const known = built.get(release)
  if (known !== undefined) return known
  const toolchain = openToolchain(release)
  const sources = join(toolchain.goroot, 'src/runtime/testdata/testprogcgo')
  const folder = join(directory, release)
  mkdirSync(folder, {recursive: true})
  for (const file of FILES) if (existsSync(join(sources, file))) copyFileSync(join(sources, file), join(folder, file))
  const context = readFileSync(join(folder, 'tracebackctxt.go'), 'utf8')
  const dying = context
    .replace('func G2() {', 'func G2() {\n\tdieAs(os.Getenv("DIE"))')
    .replace('\t"fmt"', '\t"fmt"\n\t"os"')
    .replace('// Do some busy work.', 'if i == 5000 { dieAs(os.Getenv("DIE")) }')
  writeFileSync(join(folder, 'tracebackctxt.go'), dying)
  writeFileSync(join(folder, 'die.go'), DIE)
  writeFileSync(join(folder, 'go.mod'), `module gotrace.example/hooks\n\ngo ${release}\n`)
  const env = buildEnvironment(toolchain, labDirectory())
  execFileSync(toolchain.go, ['build', '-o', 'program', '.'], {
    cwd: folder,
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  built.set(release, join(folder, 'program'))
  return join(folder, 'program')
}

function crash(program: string, name: string, die: string, run: string): {core: string; stderr: string} {
  checkCorePattern()
  mkdirSync(run, {recursive: true})
  const env = {PATH: '/usr/bin:/bin', GOTRACEBACK: 'crash', DIE: die}
  const {stderr} = spawnSync('setsid', ['-w', 'prlimit', '--core=unlimited', program, name], {
    cwd: run,
    env,
    encoding: 'utf8',
    timeout: 60_000,
    maxBuffer: 64 * 1024 * 1024,
  })
  const core = readdirSync(run).find(file => file.startsWith('core'))
  assert.ok(core, `${name} left no core:\n${stderr}`)
  return {core: join(run, core), stderr}
}

test('nothing of a hook reaches the machine', {skip: existsSync('/usr/bin/strace') ? false : 'no strace'}, () => {
  const release = installedReleases().at(-1)
  if (release === undefined) return assert.fail('no release of Go is installed')
  const program = build(release)
  const {core} = crash(program, 'TracebackContext', 'quit', join(directory, 'run-strace'))
  const calls = (mode: string) => effectsOf(core, program, mode)
  assert.deepEqual(calls('hooks'), calls('saved'), 'the same calls as without hooks')
})

/** Files opened, programs started, sockets made, files written, without what differs from run to run. */
function effectsOf(core: string, program: string, mode: string): string[] {
  const trace = join(directory, `strace-${mode}`)
  const command = ['analyze', core, '--exe', program, '--traceback', 'crash', '--cgo-frames', mode]
  const filter = 'trace=open,openat,creat,execve,socket,connect,unlink,rename,mkdir,kill,tgkill,fork,vfork'
  spawnSync('strace', ['-f', '-o', trace, '-e', filter, process.execPath, 'bin/run.cjs', ...command], {
    encoding: 'utf8',
  })
  const lines = readFileSync(trace, 'utf8').split('\n')
  const calls = lines.map(line => line.replace(/^\d+ +/, '').replace(/ = -?\d+.*$/, ''))
  const kept = calls.filter(line => /^(?:open|creat|execve|socket|connect|unlink|rename|mkdir|fork|vfork)/.test(line))
  // What iced-x86 brings along, and the code cache, come with the first instruction.
  return [...new Set(kept)].filter(line => !/iced|gotrace-core\/|node_modules|\.cache|execve/.test(line)).sort()
}
