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
import process from 'node:process'
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

/** A traceback function that unwinds its own stack by libgcc, and a symbolizer that asks the loader. */
const UNWINDING = `package main

/*
#cgo CFLAGS: -g -O1
#cgo LDFLAGS: -rdynamic -ldl -lgcc_s
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unwind.h>

struct symbolizer { uintptr_t pc; const char *file; uintptr_t lineno; const char *func; uintptr_t entry, more, data; };
struct traceback { uintptr_t context, signal, *buf, max; };
struct walk { uintptr_t *pcs; uintptr_t count, max; };
static char *nowhere;

static _Unwind_Reason_Code visit(struct _Unwind_Context *context, void *argument) {
	struct walk *walk = argument;
	int exact = 0;
	uintptr_t pc = _Unwind_GetIPInfo(context, &exact);
	if (walk->count == walk->max) return _URC_END_OF_STACK;
	walk->pcs[walk->count++] = pc - !exact;
	return _URC_NO_REASON;
}

static void unwind(void *argument) {
	struct traceback *arg = argument;
	struct walk walk = {arg->buf, 0, arg->max};
	if (arg->signal) _Unwind_Backtrace(visit, &walk);
	if (walk.count < walk.max) arg->buf[walk.count] = 0;
}

static void symbolize(void *argument) {
	struct symbolizer *arg = argument;
	Dl_info info;
	if (arg->pc == 0) {
		free((void *)arg->data);
		return;
	}
	arg->func = NULL;
	arg->file = NULL;
	if (!dladdr((void *)arg->pc, &info)) return;
	if (!arg->data) arg->data = (uintptr_t)malloc(1000);
	char *text = (char *)arg->data;
	snprintf(text, 1000, "%s+%#lx", strrchr(info.dli_fname, '/') + 1, arg->pc - (uintptr_t)info.dli_fbase);
	arg->file = text;
	arg->func = info.dli_sname;
	arg->lineno = strlen(text);
}

__attribute__((noinline)) static int third(int n) { *nowhere = n; return n + 1; }
__attribute__((noinline)) static int second(int n) { return third(n * 2) + 1; }
__attribute__((noinline)) static int first(int n) { return second(n + 1) + 1; }
static void *unwindOf(void) { return unwind; }
static void *symbolizeOf(void) { return symbolize; }
*/
import "C"
import "runtime"

func main() {
	runtime.SetCgoTraceback(0, C.unwindOf(), nil, C.symbolizeOf())
	C.first(3)
}
`

describe('a traceback function that unwinds its own stack', () => {
  for (const release of installedReleases()) {
    test(`Go ${release}`, () => {
      const program = buildSource(release, 'unwinding', UNWINDING)
      const run = join(directory, `run-${release}-unwinding`)
      const {core, stderr} = crash(program, '', '', run)
      const text = gotrace(['analyze', core, '--exe', program, '--traceback', 'crash', '--cgo-frames', 'hooks'])
      const want = blockOf(parseTraceback(stderr), '1')
      assert.ok(want && framesOf(want).filter(isCFrame).length > 4, stderr)
      assert.deepEqual(blockOf(parseTraceback(text.stdout), '1'), want)
      rmSync(run, {recursive: true, force: true})
    })
  }
})

/**
 * Its hooks are harmless to the runtime that dies: they do their worst from the fifth call on, which only we make. By
 * the C library, and by system calls of their own.
 */
const HOSTILE = `package main

/*
#define _GNU_SOURCE
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct symbolizer { uintptr_t pc; const char *file; uintptr_t lineno; const char *func; uintptr_t entry, more, data; };
struct traceback { uintptr_t context, signal, *buf, max; };
static int calls;
static char *nowhere;

static void harm(void) {
	FILE *file = fopen("evil-fopen", "w");
	if (file) fputs("evil", file);
	int fd = open("evil-open", O_CREAT | O_WRONLY, 0644);
	write(fd, "evil", 4);
	syscall(SYS_creat, "evil-creat", 0644);
	mkdir("evil-mkdir", 0755);
	rename("stderr.txt", "evil-rename");
	unlink("core");
	system("touch evil-system");
	if (fork() == 0) execl("/bin/touch", "touch", "evil-exec", NULL);
	syscall(SYS_execve, "/bin/touch", NULL, NULL);
	int s = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in to = {AF_INET, htons(9), {htonl(INADDR_LOOPBACK)}};
	connect(s, (struct sockaddr *)&to, sizeof to);
	kill(getppid(), SIGTERM);
	syscall(SYS_kill, -1, SIGTERM);
	puts("evil on standard output");
	syscall(SYS_write, 1, "evil by a system call", 21);
}

static void hostileTraceback(void *argument) {
	struct traceback *arg = argument;
	arg->buf[0] = 1; arg->buf[1] = 2; arg->buf[2] = 3; arg->buf[3] = 0;
}

static void hostileSymbolizer(void *argument) {
	struct symbolizer *arg = argument;
	if (++calls > 4) harm();
	arg->func = "scripted"; arg->file = "script.x"; arg->lineno = arg->pc * 10;
}

static void die(void) { *nowhere = 0; }
static void *tracebackOf(void) { return hostileTraceback; }
static void *symbolizerOf(void) { return hostileSymbolizer; }
*/
import "C"
import "runtime"

func main() {
	runtime.SetCgoTraceback(0, C.tracebackOf(), nil, C.symbolizerOf())
	C.die()
}
`

test('nothing that a hook does reaches the machine', {
  skip: existsSync('/usr/bin/strace') ? false : 'no strace',
}, () => {
  const release = installedReleases().at(-1)
  if (release === undefined) return assert.fail('no release of Go is installed')
  const program = buildSource(release, 'hostile', HOSTILE)
  const run = join(directory, 'run-hostile')
  const {core, stderr} = crash(program, '', '', run)
  const before = readdirSync(run)
  const calls = effectsOf(core, program, 'hooks', run)
  assert.deepEqual(readdirSync(run), before)
  assert.deepEqual(calls, effectsOf(core, program, 'none', run), 'the same calls as where nothing is run')
  const text = gotrace(['analyze', core, '--exe', program, '--traceback', 'crash', '--cgo-frames', 'hooks'])
  assert.deepEqual(blockOf(parseTraceback(text.stdout), '1'), blockOf(parseTraceback(stderr), '1'))
  assert.ok(!text.stdout.includes('evil'), 'nothing of what it printed')
  const json = gotrace(['analyze', core, '--exe', program, '--cgo-frames', 'hooks', '--json'])
  const {diagnostics} = JSON.parse(json.stdout) as {diagnostics: {code: string; where: string}[]}
  const refused = diagnostics.filter(({code}) => code === 'cgo-hook-refused').map(({where}) => where)
  for (const what of [
    'opening evil-open for writing',
    'system call execve',
    'system call socket',
    'system call kill',
  ]) {
    assert.ok(refused.includes(what), `${what} is not in ${refused.join(', ')}`)
  }
})

function buildSource(release: string, name: string, source: string): string {
  const toolchain = openToolchain(release)
  const folder = join(directory, `${name}-${release}`)
  mkdirSync(folder, {recursive: true})
  writeFileSync(join(folder, 'main.go'), source)
  writeFileSync(join(folder, 'go.mod'), `module gotrace.example/${name}\n\ngo ${release}\n`)
  const env = {...buildEnvironment(toolchain, labDirectory()), CGO_LDFLAGS_ALLOW: '-rdynamic'}
  execFileSync(toolchain.go, ['build', '-o', 'program', '.'], {
    cwd: folder,
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  return join(folder, 'program')
}

/** What a run does to the machine and asks of it, but for what Node itself reads of its memory. */
function effectsOf(core: string, program: string, mode: string, cwd: string): string[] {
  const trace = join(directory, `strace-${mode}`)
  const command = ['analyze', core, '--exe', program, '--traceback', 'crash', '--cgo-frames', mode]
  const names = 'open,openat,creat,execve,socket,connect,unlink,unlinkat,rename,mkdir,kill,tgkill,fork,vfork,write'
  const run = [process.execPath, join(import.meta.dirname, '../../bin/run.cjs'), ...command]
  // Once before, so that the code cache is there.
  spawnSync(run[0] as string, run.slice(1), {cwd})
  spawnSync('strace', ['-f', '-o', trace, '-e', `trace=${names}`, ...run], {cwd, encoding: 'utf8'})
  const lines = readFileSync(trace, 'utf8').split('\n')
  const calls = lines.map(line => line.replace(/^\d+ +/, '').replace(/ += -?\d+.*$/, ''))
  const kept = calls.filter(line =>
    /^(?:open|creat|execve|socket|connect|unlink|rename|mkdir|kill|fork|vfork)/.test(line),
  )
  // V8 maps its own code anew from the file of Node, in some runs.
  const isOwn = (line: string): boolean =>
    line.includes(`"${process.execPath}", O_RDONLY`) ||
    /\/proc\/s|\/sys\/|iced|\.cache|\/dist\/|--cgo-frames/.test(line)
  return [...new Set(kept)].filter(line => !isOwn(line)).sort()
}
