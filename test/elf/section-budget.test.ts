// Sections are read whole, so all of one process together have a limit.
import test from 'ava'
import {openFixture} from '../../lab/fixtures.ts'
import {FileSource} from '../../src/base/byte-source.ts'
import {Diagnostics} from '../../src/base/diagnostics.ts'
import {ElfFile} from '../../src/elf/elf-file.ts'
import {SectionBudget, SectionTooLargeError} from '../../src/elf/section-budget.ts'

const MIB = 1024 ** 2

test('what fits is read, what is more is told and left out, and other sections still are', async t => {
  const {executable} = await openFixture('callback-deep-go1.24')
  const source = FileSource.open(executable)
  t.teardown(() => source.close())
  const diagnostics = new Diagnostics()
  const budget = new SectionBudget()
  const elf = ElfFile.open(source, diagnostics, {budget})
  t.true((elf.section('.debug_abbrev')?.bytes.length ?? 0) > 0)
  budget.take(512 * MIB - 200_000, 'another file')
  t.is(elf.section('.gopclntab'), undefined)
  t.true((elf.section('.dynsym')?.bytes.length ?? 0) > 0)
  const [told] = diagnostics.list()
  t.like(told, {code: 'section-too-large', where: `${executable}:.gopclntab`})
  t.is(told?.hint?.includes('--section-memory MB'), true)
  t.throws(() => budget.take(2 ** 40, 'x:.debug_info'), {
    instanceOf: SectionTooLargeError,
    message: /^x:.debug_info: 1048576 MiB/,
  })
})

test('who has the memory may allow more, and is told what was allowed', t => {
  const budget = new SectionBudget(2048 * MIB)
  t.notThrows(() => budget.take(600 * MIB, 'x:.debug_info'))
  t.notThrows(() => budget.checkPacked(1000 * MIB, 'x:.debug_loclists'))
  const message = /1500 MiB, more than the files of one process may have together \(2048 MiB\)/
  t.throws(() => budget.checkPacked(1500 * MIB, 'x:.debug_info'), {instanceOf: SectionTooLargeError, message})
  t.throws(() => budget.take(1500 * MIB, 'x:.debug_info'), {instanceOf: SectionTooLargeError, message})
})
