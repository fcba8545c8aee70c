import test from 'ava'
import {openFixture} from '../../lab/fixtures.ts'
import {Random} from '../../lab/fuzz/random.ts'
import {type Address, toAddress} from '../../src/base/address.ts'
import {FileSource} from '../../src/base/byte-source.ts'
import {Diagnostics} from '../../src/base/diagnostics.ts'
import type {Extent} from '../../src/base/extent.ts'
import {ElfFile} from '../../src/elf/elf-file.ts'
import {AddressAnswers} from '../../src/symbolize/address-answers.ts'
import type {Answer} from '../../src/symbolize/answer.ts'
import {AnswerTable} from '../../src/symbolize/answer-table.ts'
import {openGoFileTables} from '../../src/symbolize/go-file-tables.ts'
import type {SymbolSource} from '../../src/symbolize/module-symbols.ts'
import {type SourceFrame, unknownFrame} from '../../src/symbolize/source-frame.ts'
import {Symbolizer} from '../../src/symbolize/symbolizer.ts'

const ASKED = 600

interface Opened {
  image: ElfFile
  symbolizer(): Symbolizer
}

function open(path: string): Opened {
  const diagnostics = new Diagnostics()
  const image = ElfFile.open(FileSource.open(path), diagnostics)
  const module: SymbolSource = {
    path,
    start: image.linkStart,
    image,
    debug: {dwarf: image},
    linkAddress: address => (address >= image.linkStart && address < image.linkEnd ? address : undefined),
    toAddress: address => address,
  }
  const moduleAt = (address: Address) => (module.linkAddress(address) === undefined ? undefined : module)
  const go = openGoFileTables(image, diagnostics)
  return {image, symbolizer: () => new Symbolizer({moduleAt, go, diagnostics})}
}

/** Anywhere in the file, in its stubs and at its borders, and some twice. */
function addressesOf(image: ElfFile): Address[] {
  const random = new Random(7)
  const code = image.sections.filter(({name, size}) => size > 0 && /^\.(text|plt|init|fini)/.test(name))
  const anywhere = Array.from(
    {length: ASKED / 3},
    () => image.linkStart + random.below(image.linkEnd - image.linkStart),
  )
  const inCode = code.flatMap(({address, size}) =>
    Array.from({length: ASKED / code.length}, () => address + random.below(size)),
  )
  const borders = code.flatMap(({address, size}) => [address - 1, address, address + size - 1, address + size])
  return [...anywhere, ...inCode, ...borders, ...inCode.slice(0, 9)].map(toAddress)
}

const NAME = 'n'.repeat(1_000_000)

/** A symbolizer of one module, each of whose bytes is a function with a name of a megabyte. */
function hostileSymbolizer(): {symbolizer: Symbolizer; asked: Address[]} {
  const asked: Address[] = []
  const frameAt = (address: Address): SourceFrame => {
    asked.push(address)
    return {...unknownFrame({module: null, moduleOffset: null}), function: `${NAME}${address}`, entry: address}
  }
  const answers = {
    answerAt(address: Address, extent: Extent): Answer {
      extent.narrowTo(address)
      return {stack: {frames: [frameAt(address)]}, position: {file: null, line: null, column: null}}
    },
    locate: (address: Address) => [frameAt(address)],
  }
  return {symbolizer: answers as unknown as Symbolizer, asked}
}

test('of names that would fill the memory only so many are kept, and each address has its answer still', t => {
  const {symbolizer, asked} = hostileSymbolizer()
  const answers = new AddressAnswers(() => symbolizer, new AnswerTable(toAddress(0)))
  const addresses = Array.from({length: 200}, (_, index) => toAddress(index + 1))
  answers.prepare(addresses, () => true)
  t.true(answers.table.isFull)
  t.true(asked.length > 10 && asked.length < 80, `${asked.length} found beforehand`)
  t.is(answers.table.size, asked.length)
  for (const address of addresses) t.is(answers.framesAt(address)[0]?.function, `${NAME}${address}`)
  t.is(asked.length, addresses.length)
})

const withoutPlace = (frames: readonly SourceFrame[]) =>
  frames.map(frame => ({...frame, module: null, moduleOffset: null}))

/** C, C++, Go of several releases; with sections, symbols and DWARF, and without. */
const PROGRAMS = [
  'cfault-segv-go1.27',
  'cxx-fault-go1.27',
  'blocked-fault-go1.15',
  'cfault-segv-go1.27-pie-nosymbols',
  'cfault-segv-go1.27-nosections',
]

for (const name of PROGRAMS) {
  test(`many addresses have the answers that each has alone: ${name}`, async t => {
    const {executable} = await openFixture(name)
    const {image, symbolizer} = open(executable)
    const alone = symbolizer()
    const asked = addressesOf(image)
    const answers = new AddressAnswers(symbolizer, new AnswerTable(image.linkStart))
    answers.prepare(asked.slice(0, ASKED / 2), () => true)
    answers.prepare(asked, () => true)
    const right = (address: Address) => withoutPlace(alone.locate(address, address))
    for (const address of asked) t.deepEqual(withoutPlace(answers.framesAt(address)), right(address))

    // Those beside them that the ranges claim to cover; and all of it once more, as a file would bring it back.
    const known = asked.flatMap(address => [address - 3, address + 1, address + 5, address + 40]).map(toAddress)
    const again = new AnswerTable(image.linkStart, answers.table.parts())
    t.is(again.size, answers.table.size)
    let covered = 0
    for (const address of known) {
      const isKnown = answers.table.seek(address)
      t.is(again.seek(address), isKnown)
      if (!isKnown) continue
      covered++
      t.deepEqual(answers.table.frames, right(address))
      t.deepEqual(again.frames, right(address))
    }
    t.true(covered > asked.length / 4)
  })
}
