import {Args, Flags} from '@oclif/core'
import {type Address, addressOfWord, NULL_ADDRESS} from '../base/address.ts'
import {DEFAULT_TIMEOUT_SECONDS, Deadline} from '../base/deadline.ts'
import type {Diagnostics} from '../base/diagnostics.ts'
import {InputError} from '../base/errors.ts'
import {runWithin, timeIsOver} from '../base/time-limit.ts'
import type {Module} from '../elf/module.ts'
import type {Style} from '../render/style.ts'
import {renderSymbolizerCall, renderSymbolizerCalls} from '../render/symbolizer-calls.ts'
import {CgoSymbolizer, emptySymbolizerArg} from '../symbolize/cgo-symbolizer.ts'
import {openGoFileTables} from '../symbolize/go-file-tables.ts'
import {Symbolizer} from '../symbolize/symbolizer.ts'
import {BaseCommand, operandsOf, outputFlags, redactFlag, searchFlags} from './base-command.ts'
import {EXIT, tellError, withoutStrict} from './errors.ts'
import {openModuleFromFlags} from './open-core.ts'
import {SUMMARIES} from './summaries.ts'

export default class Symbolize extends BaseCommand {
  static override summary = SUMMARIES.symbolize
  static override description =
    'Addresses are link addresses of the module, as addr2line takes them, in hexadecimal with or without 0x: arguments, ' +
    'or on standard input, one or more a line, where each is answered as it comes. Text is what the Go runtime prints for C frames; --json gives the struct of ' +
    'runtime.SetCgoTraceback after each call of the symbolizer.'
  static exitCodes = withoutStrict({
    [EXIT.ok]: 'every address has an answer',
    [EXIT.input]: 'the module cannot be read, or a word of standard input is no address',
  })
  static override strict = false
  static override args = {
    module: Args.string({
      required: true,
      ignoreStdin: true,
      name: 'MODULE',
      description: 'executable, shared library or .debug file',
    }),
    address: Args.string({ignoreStdin: true, name: 'ADDRESS', description: 'hexadecimal; any number of them'}),
  }
  static override flags = {
    ...searchFlags,
    ...outputFlags,
    redact: redactFlag,
    timeout: Flags.integer({
      description: `time for all of it, the wait for addresses included (default: ${DEFAULT_TIMEOUT_SECONDS}, without that)`,
      helpValue: 'SECONDS',
      min: 1,
      max: 1_000_000,
    }),
    'no-demangle': Flags.boolean({description: 'keep C++ and Rust names as the linker knows them'}),
  }
  static override examples = [
    '<%= config.bin %> symbolize ./server 0x49b0c0 0x49b0d4',
    'cat addresses | <%= config.bin %> symbolize /usr/lib/libfoo.so --json',
  ]

  async run(): Promise<void> {
    const {raw, flags} = await this.parse(Symbolize)
    const [path = '', ...addresses] = operandsOf(raw)
    const words = parseWords(addresses)
    let isWhole = true
    const tell = (error: InputError): void => {
      isWhole = false
      tellError(error, {usage: `${this.config.bin} ${this.id}`, json: false})
    }
    const {diagnostics} = this
    const shown = (text: string): string => (flags.redact ? this.redaction.text(text) : text)
    const limit = (): Deadline => new Deadline(flags.timeout ?? DEFAULT_TIMEOUT_SECONDS, diagnostics)
    let deadline = limit()
    const opened = await openModuleFromFlags(path, flags, {diagnostics, deadline})
    const sink = this.openSink(flags.output)
    try {
      const answers = new Answers(opened.module, diagnostics, {
        demangle: !flags['no-demangle'],
        json: flags.json,
        style: await this.style(flags.color, flags.output),
      })
      for await (const batch of words.length > 0 ? [words] : readWords(tell, flags.timeout && deadline.left)) {
        if (flags.timeout === undefined) deadline = limit()
        const isRead = runWithin(deadline, () =>
          batch.every(word => isInTime(deadline) && sink.write(shown(answers.to(word)))),
        )
        if (!isRead) break
        if (words.length === 0) sink.flush()
      }
      if (!isInTime(deadline)) throw timeIsOver()
      sink.write(shown(answers.end()))
    } finally {
      sink.close()
      opened.close()
    }
    if (!flags.json && !flags.quiet) this.showBeside()
    if (!isWhole) this.exit(EXIT.input)
  }
}

function isInTime(deadline: Deadline): boolean {
  return !deadline.isOver('the list of answers')
}

/** The inlined calls of one address; the next one is another. */
const KEPT = 64 * 1024

interface AnswerLooks {
  demangle: boolean
  json: boolean
  style: Style
}

/** The answers to one address after the other, as one caller of the symbolizer function gets them. */
class Answers {
  readonly #cgo: CgoSymbolizer
  readonly #arg = emptySymbolizerArg()
  readonly #looks: AnswerLooks

  constructor(module: Module, diagnostics: Diagnostics, looks: AnswerLooks) {
    const go = module.image && openGoFileTables(module.image, diagnostics)
    const moduleAt = (address: Address) => (address >= module.start && address < module.end ? module : undefined)
    const symbolizer = new Symbolizer({moduleAt, go, diagnostics, demangle: looks.demangle, kept: KEPT})
    this.#cgo = new CgoSymbolizer(pc => symbolizer.locate(pc, pc))
    this.#looks = looks
  }

  to(word = 0n): string {
    const {json, style} = this.#looks
    const address = addressOf(word)
    const calls = address === NULL_ADDRESS ? [this.#cgo.clear(this.#arg)] : [...this.#cgo.steps(this.#arg, address)]
    if (json) return renderSymbolizerCalls(word, calls)
    return calls.map(call => renderSymbolizerCall(call, word, style)).join('')
  }

  /** What stands behind the last one. */
  end(): string {
    return this.#looks.json ? renderSymbolizerCalls(0n, [this.#cgo.close(this.#arg)]) : ''
  }
}

/** Nothing can be at an address that no process can have. */
function addressOf(word: bigint): Address {
  return addressOfWord(word) ?? NULL_ADDRESS
}

function parseWord(text: string): bigint | undefined {
  const digits = /^\s*(?:0[xX])?([0-9a-fA-F]{1,16})\s*$/.exec(text)?.[1]
  return digits === undefined ? undefined : BigInt(`0x${digits}`)
}

/** @throws InputError for what is no address */
function parseWords(texts: readonly string[]): bigint[] {
  return texts.map(text => {
    const word = parseWord(text)
    if (word === undefined) throw notAnAddress(text)
    return word
  })
}

function notAnAddress(text: string, place = ''): InputError {
  return new InputError(
    'bad-argument',
    `${place}${text.slice(0, WORD_MAX)}: not an address`,
    'write addresses in hexadecimal, like 0x49b0c0',
  )
}

/** A longer word is no address, and its rest is not kept. */
const WORD_MAX = 100

/**
 * Any number of addresses a line, those together that came together; what is none is told with the number of its line.
 * @param limitMs after which none is waited for
 */
async function* readWords(tell: (error: InputError) => void, limitMs: number | undefined): AsyncGenerator<bigint[]> {
  const {stdin} = process
  const timer = limitMs === undefined ? undefined : setTimeout(() => stdin.destroy(), limitMs)
  let number = 1
  const parse = (text: string): bigint | undefined => {
    const word = parseWord(text)
    if (word === undefined) tell(notAnAddress(text, `standard input, line ${number}: `))
    return word
  }
  const wordsOf = (line: string): bigint[] => {
    const texts = line.split(/\s+/).filter(text => text !== '')
    return texts.flatMap(text => parse(text) ?? [])
  }
  const wordsIn = (text: string): bigint[] =>
    text.split('\n').flatMap((line, index) => {
      if (index > 0) number++
      return wordsOf(line)
    })
  let rest = ''
  try {
    for await (const chunk of stdin.setEncoding('utf8')) {
      const text = `${rest}${chunk}`
      const end = startOfLastWord(text)
      rest = text.slice(end, end + WORD_MAX)
      yield wordsIn(text.slice(0, end))
    }
    yield wordsIn(rest)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error
  } finally {
    clearTimeout(timer)
  }
}

/** Of a word that may go on. */
function startOfLastWord(text: string): number {
  let start = text.length
  while (start > 0 && !/\s/.test(text.charAt(start - 1))) start--
  return start
}
