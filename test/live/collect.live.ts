// `collect` as the kernel's own handler: core_pattern is set for the time of the test, and put back.
import assert from 'node:assert/strict'
import {execFileSync, spawnSync} from 'node:child_process'
import {chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {dirname, join} from 'node:path'
import process from 'node:process'
import {test} from 'node:test'
import {fileURLToPath} from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
const entry = join(root, 'bin/run.cjs')
const PATTERN = '/proc/sys/kernel/core_pattern'
const LIMIT = '/proc/sys/kernel/core_pipe_limit'

const PROGRAM = `
#include <stdlib.h>
#include <string.h>
static void fault(char *p) { *p = 1; }
int main(int argc, char **argv) {
  char *waste = malloc(64 << 20);
  memset(waste, 7, 64 << 20);
  fault(argc > 9 ? waste : 0);
  return 0;
}
`

interface Line {
  state: string
  program: string
  path: string | null
}

/** Has the kernel give the cores of programs below a folder to collect, those of others to where they went before. */
function withHandler(folder: string, flags: string, work: () => void): void {
  const [pattern, limit] = [PATTERN, LIMIT].map(path => readFileSync(path, 'utf8').trim()) as [string, string]
  const handler = join(folder, 'handler.sh')
  const marker = folder.replaceAll('/', '!')
  const own = `exec '${process.execPath}' '${entry}' collect -d '${folder}/kept' ${flags} "$1" "$2" "$3" "$4" 2>> '${folder}/errors'`
  // Others crash while the test runs.
  const others = pattern.startsWith('|') ? 'exec cat > /dev/null' : 'exec cat > "/proc/$1/cwd/core"'
  const script = `#!/bin/sh\nexport PATH=/usr/local/bin:/usr/bin:/bin\ncase "$4" in\n"${marker}"*) ${own} ;;\n*) ${others} ;;\nesac\n`
  writeFileSync(handler, script)
  chmodSync(handler, 0o755)
  try {
    writeFileSync(LIMIT, '16')
    writeFileSync(PATTERN, `|${handler} %P %s %t %E`)
    work()
  } finally {
    writeFileSync(PATTERN, pattern)
    writeFileSync(LIMIT, limit)
  }
}

test('the kernel gives cores to collect: kept, counted in a storm, dropped where the disk is full', () => {
  const folder = mkdtempSync(join(tmpdir(), 'collect-live-'))
  const kept = join(folder, 'kept')
  try {
    chmodSync(folder, 0o755)
    writeFileSync(join(folder, 'crash.c'), PROGRAM)
    execFileSync('gcc', ['-g', '-O0', '-o', join(folder, 'crash'), join(folder, 'crash.c')])
    const crash = (count: number): void => {
      const line = `ulimit -c unlimited; for i in $(seq ${count}); do ./crash & done; wait`
      spawnSync('bash', ['-c', line], {cwd: folder, stdio: 'ignore'})
    }
    const lines = (): Line[] =>
      readFileSync(join(kept, 'collect.ndjson'), 'utf8')
        .trimEnd()
        .split('\n')
        .map(line => JSON.parse(line))
    const settled = (total: number): Line[] => {
      const isEnd = ({state}: Line): boolean => ['stored', 'counted', 'lost'].includes(state)
      for (let waited = 0; waited < 3000 && lines().filter(isEnd).length < total; waited++) {
        spawnSync('sleep', ['0.1'])
      }
      return lines().filter(isEnd)
    }
    withHandler(folder, '--per-minute 2', () => {
      crash(5)
      const states = settled(5).map(({state}) => state)
      assert.deepEqual(states.sort(), ['counted', 'counted', 'counted', 'stored', 'stored'])
    })
    const packages = readdirSync(kept).filter(name => name.endsWith('.gtc'))
    assert.equal(packages.length, 2)
    const path = join(kept, packages[0] as string)
    assert.ok(statSync(path).size < 8 << 20, 'the 64 MB that nobody needs are left out')
    rmSync(join(folder, 'crash'))
    const report = JSON.parse(execFileSync(process.execPath, [entry, 'analyze', path, '--json'], {encoding: 'utf8'}))
    assert.equal(report.crash.signal, 'SIGSEGV')
    assert.equal(report.threads[0].frames[0].function, 'fault')
    assert.equal(report.core.origin.handler, 'gotrace-core')
    assert.equal(report.core.origin.exe, join(folder, 'crash'))
    assert.equal(report.core.origin.uid, process.getuid?.())

    // A disk of 4 MB: the core does not fit, the program ends all the same, and soon.
    execFileSync('gcc', ['-g', '-O0', '-o', join(folder, 'crash'), join(folder, 'crash.c')])
    rmSync(kept, {recursive: true})
    mkdirSync(kept)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', kept])
    try {
      withHandler(folder, '--keep-free 0', () => {
        crash(1)
        const [only] = settled(1)
        assert.ok(only)
        const left = readdirSync(kept).filter(name => !/^collect\.ndjson$|\.gtc$/.test(name))
        assert.deepEqual(left, [])
      })
    } finally {
      execFileSync('umount', [kept])
    }
  } finally {
    rmSync(folder, {recursive: true, force: true})
  }
})
