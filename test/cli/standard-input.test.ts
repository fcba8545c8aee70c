// A core that comes through a pipe, and command lines as they are typed.
import {copyFileSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import test from 'ava'
import {openFixture} from '../../lab/fixtures.ts'
import {runCommand, runShell} from '../support/run-command.ts'

const fixture = await openFixture('cfault-segv-go1.27')
const directory = mkdtempSync(join(tmpdir(), 'gotrace-stdin-'))
test.after.always(() => rmSync(directory, {recursive: true, force: true}))
const core = join(directory, 'core')
copyFileSync(fixture.core, core)
const files = `-e ${fixture.executable} --sysroot ${fixture.sysroot}`
const expected = runShell(`$RUN analyze ${core} ${files}`)

const WAYS = {
  'a core alone': `$RUN ${core} ${files}`,
  'a pipe': `cat ${core} | $RUN analyze - ${files}`,
  'a pipe by its path': `cat ${core} | $RUN analyze /dev/stdin ${files}`,
  'a packed pipe': `gzip -1c ${core} | $RUN - ${files}`,
  'a slow pipe': `(head -c 3 ${core}; sleep 0.3; tail -c +4 ${core}) | $RUN - ${files}`,
  'a redirected file': `$RUN - ${files} < ${core}`,
  'a redirected packed file': `gzip -1c ${core} > ${core}.gz; $RUN - ${files} < ${core}.gz`,
  coredumpctl: `$RUN --sysroot ${fixture.sysroot} ${fixture.executable} -c ${core}`,
} as const

for (const [way, line] of Object.entries(WAYS)) {
  test(`${way} gives the report of the file`, t => {
    t.deepEqual(runShell(line), expected)
  })
}

test('the JSON of a pipe says where the core came from', t => {
  const {stdout, exitCode} = runShell(`gzip -1c ${core} | $RUN info - --json ${files}`)
  t.is(exitCode, 0)
  const {path, compression, size} = JSON.parse(stdout).core
  const file = JSON.parse(runShell(`$RUN info ${core} --json ${files}`).stdout).core
  t.deepEqual({path, compression, size}, {path: '-', compression: 'gzip', size: file.size})
})

test('a dump that comes through a pipe is compared as that of the file', t => {
  const text = join(directory, 'dump.txt')
  writeFileSync(text, 'goroutine 1 [select]:\nmain.main()\n\t/x/main.go:1 +0x1\n')
  const beside = runShell(`$RUN diff ${text} ${text} --json`)
  t.is(beside.exitCode, 0)
  for (const line of ['cat FILE | $RUN diff - FILE', 'gzip -c FILE | $RUN diff FILE -', '$RUN diff FILE - <FILE']) {
    const {stdout, stderr, exitCode} = runShell(`${line.replaceAll('FILE', text)} --json`)
    t.deepEqual({exitCode, stderr}, {exitCode: 0, stderr: ''}, line)
    t.is(stdout.replace('"path": "-"', `"path": ${JSON.stringify(text)}`), beside.stdout, line)
  }
  const redirected = runShell(`$RUN diff - ${core} ${files} < ${core}`)
  t.deepEqual([redirected.exitCode, redirected.stderr], [0, ''])
})

test('from a working directory that is gone, what needs it says so', t => {
  for (const words of [`batch ${core} --store x.db`, 'batch x']) {
    const {stderr, exitCode} = runShell(`mkdir ${directory}/gone; cd ${directory}/gone; rmdir ../gone; $RUN ${words}`)
    t.is(exitCode, 1, words)
    t.regex(stderr, /^gotrace-core: ENOENT: .*uv_cwd\n {2}the working directory is not there any more/m, words)
  }
})

const REFUSED: readonly (readonly [string, number, RegExp])[] = [
  [': | $RUN -', 1, /^gotrace-core: standard input: nothing came\n/],
  [
    `cat ${core} | $RUN diff - ${core}`,
    2,
    /^gotrace-core: standard input: a core, which diff reads from a file alone\n/,
  ],
  ['$RUN diff - -', 2, /^gotrace-core: both dumps are standard input\n/],
  ['$RUN - <&-', 1, /^gotrace-core: standard input: /],
  ['$RUN - < /dev/zero', 1, /^gotrace-core: standard input: not a core \(not an ELF file\)\n/],
  ['head -c 100000 /dev/urandom | gzip | $RUN analyze -', 1, /not a core \(not an ELF file\)\n/],
  ['head -c 99999 /dev/urandom | gzip > noise.gz; $RUN - < noise.gz', 1, /not a core \(not an ELF file\)\n/],
  [
    '$RUN analize core',
    2,
    /^gotrace-core: analize: no such command, and no such file\n {2}did you mean `gotrace-core analyze`\?/,
  ],
  [
    '$RUN frobnicate',
    2,
    /^gotrace-core: frobnicate: no such command, and no such file\n {2}see `gotrace-core --help`\n$/,
  ],
  ['$RUN triage lst', 2, /^gotrace-core: triage lst: no such command\n {2}did you mean `gotrace-core triage list`\?/],
  [
    '$RUN triage list crashes.db',
    2,
    /^gotrace-core: crashes\.db: triage list takes no arguments\n {2}see `gotrace-core triage list --help`\n$/,
  ],
  ['$RUN /missing/core.1', 1, /^gotrace-core: \/missing\/core\.1: no such file\n/],
]

for (const [line, code, message] of REFUSED) {
  test(`${line} is refused with ${code}`, t => {
    const {stdout, stderr, exitCode} = runShell(line, {cwd: directory, seconds: 60})
    t.is(stdout, '')
    t.regex(stderr, message)
    t.is(exitCode, code)
  })
}

test('a thread that the core does not have is told, with those that it has', t => {
  const {stderr, exitCode} = runShell(`$RUN threads ${core} ${files} --thread 7`)
  t.is(exitCode, 2)
  t.regex(stderr, /^gotrace-core: the core has no thread 7\n {2}it has \d+(, \d+)*\n$/)
})

test('symbolize takes several addresses a line, and tells what is none with its line', t => {
  const addresses = ['0x48600f', '48600f']
  const wanted = runCommand(['symbolize', fixture.executable, ...addresses]).stdout
  const {stdout, stderr, exitCode} = runShell(
    `printf '0x48600f 48600f\\n\\nzz 0x\\n' | $RUN symbolize ${fixture.executable}`,
  )
  t.is(stdout, wanted)
  t.regex(stderr, /line 3: zz: not an address\n.*\n.*line 3: 0x: not an address\n/)
  t.is(exitCode, 1)
})

test('symbolize takes addresses from a file, from where the shell has come to in it', t => {
  const wanted = runCommand(['symbolize', fixture.executable, '0x48600f', '0x401000']).stdout
  const list = join(directory, 'addresses')
  writeFileSync(list, 'first\n48600f\n401000\nzz')
  const {stdout, stderr, exitCode} = runShell(`{ read; $RUN symbolize ${fixture.executable}; } < ${list}`)
  t.is(stdout, wanted)
  t.regex(stderr, /line 3: zz: not an address\n/)
  t.is(exitCode, 1)
})
