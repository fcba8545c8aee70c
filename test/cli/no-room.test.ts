// A packed core that has no room to be unpacked in, files that may not be opened: the machine's fault, and said so.
import {closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {gzipSync} from 'node:zlib'
import test from 'ava'
import {openFixture} from '../../lab/fixtures.ts'
import {runShell} from '../support/run-command.ts'

const fixture = await openFixture('cfault-segv-go1.27')
const directory = mkdtempSync(join(tmpdir(), 'gotrace-no-room-'))
test.after.always(() => rmSync(directory, {recursive: true, force: true}))

/** More that is not zeros than is held in memory. */
const large = join(directory, 'core.gz')
const fd = openSync(large, 'w')
writeSync(fd, gzipSync(readFileSync(fixture.core)))
const member = gzipSync(new Uint8Array(32 * 1024 * 1024).fill(1))
for (let count = 0; count < 6; count++) writeSync(fd, member)
closeSync(fd)

const places: readonly [title: string, before: string, temporary: string, said: RegExp][] = [
  // A limit on the size of files stands for the full disk: it fails in the same place, and needs no disk of its own.
  ['is full', 'ulimit -f 1000;', directory, /EFBIG/],
  ['is missing', '', join(directory, 'nowhere'), /ENOENT/],
  ['is no folder', '', large, /ENOTDIR/],
  ['cannot be written', '', '/proc', /E(ACCES|NOENT|ROFS|PERM)/],
]

for (const [title, before, temporary, said] of places) {
  test(`where the temporary folder ${title}, the next thing to try is named`, t => {
    const {stdout, stderr, exitCode} = runShell(`${before} $RUN info ${large}`, {env: {TMPDIR: temporary}})
    const [what = '', advice = '', ...rest] = stderr.trimEnd().split('\n')
    t.true(what.startsWith(`gotrace-core: ${large}: it cannot be unpacked in ${temporary}: `), what)
    t.regex(what, said)
    t.regex(advice, /TMPDIR=/)
    t.deepEqual([stdout, rest, exitCode], ['', [], 1])
  })
}

test('of a packed program that has no room the next thing to try is the same', t => {
  const {stderr, exitCode} = runShell(`ulimit -f 1000; $RUN analyze ${fixture.core} --exe ${large}`, {
    env: {TMPDIR: directory},
  })
  t.regex(stderr, /EFBIG.*\n {2}.*TMPDIR=/)
  t.is(exitCode, 1)
})

test('with room it is unpacked, and leaves nothing behind', t => {
  const empty = join(directory, 'room')
  mkdirSync(empty)
  const {stdout, exitCode} = runShell(`$RUN info ${large} --quiet >/dev/null; ls -A ${empty}`, {env: {TMPDIR: empty}})
  t.deepEqual([stdout, exitCode], ['', 0])
})

// How many Node itself has open depends on its release; too few for Node to start at all are below.
for (const limit of [20, 22, 24, 26, 28, 30, 32]) {
  test(`with ${limit} open files allowed there is a report, or what to do`, t => {
    const args = `${fixture.core} --sysroot ${fixture.sysroot} --strict`
    const {stderr, exitCode} = runShell(`ulimit -n ${limit}; $RUN analyze ${args} >/dev/null`)
    t.true([0, 1, 3].includes(exitCode ?? -1) || /EMFILE.*run\.cjs|node:fs/s.test(stderr), `${exitCode} ${stderr}`)
    if (exitCode !== 0) t.regex(stderr, /ulimit -n|EMFILE/)
    t.notRegex(stderr, /Assertion|Native stack/)
  })
}

// A store's driver and the processes of batch open files of their own.
for (const [limit, command] of [
  [20, 'batch PATH --jobs 1'],
  [28, 'batch PATH --jobs 1'],
  [22, 'triage list --store PATH'],
  [24, 'triage list --store PATH'],
] as const) {
  test(`with ${limit} open files allowed, ${command.split(' ')[0]} says what to do`, t => {
    const words = command.replace('PATH', command.startsWith('batch') ? fixture.core : join(directory, 'no.db'))
    const {stderr, exitCode} = runShell(`ulimit -n ${limit}; $RUN ${words} >/dev/null`)
    t.true([0, 1, 2].includes(exitCode ?? -1), `${exitCode} ${stderr}`)
    t.notRegex(stderr, /bug|panicked|Assertion|Native stack/)
  })
}
