import {copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import test from 'ava'
import {openFixture} from '../../../lab/fixtures.ts'
import {analyse} from '../../support/incomplete-process.ts'

const directory = mkdtempSync(join(tmpdir(), 'gotrace-pairing-'))
test.after.always(() => rmSync(directory, {recursive: true, force: true}))

const PT_NOTE = 4
const NT_PRSTATUS = 1
/** In struct elf_prstatus. */
const PR_PID = 32

/** A copy of a core in which threads have other ids; a thread without one is left out. */
function renumberThreads(
  core: string,
  name: string,
  rename: (tid: number, index: number) => number | undefined,
): string {
  const path = join(directory, name)
  copyFileSync(core, path)
  const bytes = readFileSync(path)
  const table = Number(bytes.readBigUInt64LE(32))
  for (let header = table; header < table + bytes.readUInt16LE(56) * 56; header += 56) {
    if (bytes.readUInt32LE(header) !== PT_NOTE) continue
    let at = Number(bytes.readBigUInt64LE(header + 8))
    const end = at + Number(bytes.readBigUInt64LE(header + 32))
    let index = 0
    while (at < end) {
      const desc = at + 12 + roundUp(bytes.readUInt32LE(at))
      if (bytes.readUInt32LE(at + 8) === NT_PRSTATUS) {
        const tid = rename(bytes.readUInt32LE(desc + PR_PID), index++)
        if (tid === undefined) bytes.writeUInt32LE(0, at + 8)
        else bytes.writeUInt32LE(tid, desc + PR_PID)
      }
      at = desc + roundUp(bytes.readUInt32LE(at + 4))
    }
  }
  writeFileSync(path, bytes)
  return path
}

function roundUp(size: number): number {
  return Math.ceil(size / 4) * 4
}

for (const name of ['cfault-segv-go1.27', 'callback-fault-go1.24']) {
  test(`${name}: a child made by fork in C is on the M that its parent was on`, async t => {
    const fixture = await openFixture(name)
    const whole = await analyse(fixture)
    const child = 999_999
    const crashed = whole.report.crash.thread
    const core = renumberThreads(fixture.core, `fork-${name}`, tid => (tid === crashed ? child : undefined))
    const forked = await analyse(fixture, {core})
    t.is(forked.report.crash.thread, child)
    t.is(forked.report.crash.m, whole.report.crash.m)
    t.is(forked.report.crash.goroutine, whole.report.crash.goroutine)
    t.deepEqual(forked.report.crash.header, whole.report.crash.header)
    t.false(forked.diagnostics.list().some(({code}) => code === 'layout-mismatch'))
    t.is(forked.goroutines[0]?.thread, child)
  })

  test(`${name}: a thread runs the M of the g in its own memory, whatever m.procid says`, async t => {
    const fixture = await openFixture(name)
    const whole = await analyse(fixture)
    const ids: number[] = []
    renumberThreads(fixture.core, `ids-${name}`, tid => {
      ids.push(tid)
      return tid
    })
    const core = renumberThreads(fixture.core, `turned-${name}`, (_, index) => ids[(index + 1) % ids.length])
    const turned = await analyse(fixture, {core})
    t.is(turned.report.crash.m, whole.report.crash.m)
    t.is(turned.report.crash.thread, ids[(ids.indexOf(whole.report.crash.thread ?? 0) + 1) % ids.length] ?? null)
    t.is(turned.text, whole.text)
  })
}
