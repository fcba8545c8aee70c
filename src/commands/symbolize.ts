import {Args, Flags} from '@oclif/core'
import type {AnswerCache} from '../acquire/answer-cache.ts'
import {type Address, NULL_ADDRESS} from '../base/address.ts'
import {DEFAULT_TIMEOUT_SECONDS, Deadline} from '../base/deadline.ts'
import type {Diagnostics} from '../base/diagnostics.ts'
import type {InputError} from '../base/errors.ts'
import {runWithin, timeIsOver} from '../base/time-limit.ts'
import type {Module} from '../elf/module.ts'
import type {Style} from '../render/style.ts'
import {renderSymbolizerCall, renderSymbolizerCalls, StackTexts} from '../render/symbolizer-calls.ts'
import {AddressAnswers} from '../symbolize/address-answers.ts'
import {AnswerTable} from '../symbolize/answer-table.ts'
import {CgoSymbolizer, emptySymbolizerArg} from '../symbolize/cgo-symbolizer.ts'
import {openGoFileTables} from '../symbolize/go-file-tables.ts'
import {Symbolizer} from '../symbolize/symbolizer.ts'
import {packTable, unpackTable} from '../symbolize/table-file.ts'
import {type AddressWord, addressOf, parseWords, readWords} from './address-words.ts'
import {answerCaches} from './answer-caches.ts'
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
    'no-cache': Flags.boolean({
      description:
        'neither use nor keep what runs before found of the same files (GOTRACE_CACHE=off: nor compiled code)',
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
    const cache = answerCaches(flags, 'ranges')(opened.module)
    const sink = this.openSink(flags.output)
    try {
      const answers = new Answers(opened.module, diagnostics, {
        demangle: !flags['no-demangle'],
        json: flags.json,
        style: await this.style(flags.color, flags.output),
        cache,
      })
      for await (const batch of words.length > 0 ? [words] : readWords(tell, flags.timeout && deadline.left)) {
        if (flags.timeout === undefined) deadline = limit()
        const isRead = runWithin(deadline, () => {
          const goOn = inTimeOf(deadline)
          answers.prepare(batch, goOn)
          if (!batch.every(word => goOn() && sink.write(shown(answers.to(word))))) return false
          if (words.length === 0) sink.flush()
          return true
        })
        if (!isRead) break
      }
      if (!isInTime(deadline)) throw timeIsOver()
      runWithin(deadline, () => {
        sink.write(shown(answers.end()))
        sink.flush()
      })
      answers.keep()
    } catch (error) {
      // A reader that takes nothing is not waited for any more.
      sink.leave()
      throw error
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

/** An answer takes less time than to ask for the time. */
const ANSWERS_A_LOOK = 64

/** Looks at the time when it is asked first, and then from time to time. */
function inTimeOf(deadline: Deadline): () => boolean {
  let asked = 0
  let is = true
  return () => {
    if (asked++ % ANSWERS_A_LOOK === 0) is = isInTime(deadline)
    return is
  }
}

interface AnswerLooks {
  demangle: boolean
  json: boolean
  style: Style
  cache: AnswerCache | undefined
}

/** The answers to one address after the other, as one caller of the symbolizer function gets them. */
class Answers {
  readonly #answers: AddressAnswers
  readonly #cgo: CgoSymbolizer
  readonly #arg = emptySymbolizerArg()
  readonly #looks: AnswerLooks
  readonly #texts: StackTexts
  readonly #diagnostics: Diagnostics
  /** How often something was told before anything was looked for. */
  readonly #told: number

  constructor(module: Module, diagnostics: Diagnostics, looks: AnswerLooks) {
    const moduleAt = (address: Address) => (address >= module.start && address < module.end ? module : undefined)
    const open = (): Symbolizer => {
      const go = module.image && openGoFileTables(module.image, diagnostics)
      return new Symbolizer({moduleAt, go, diagnostics, demangle: looks.demangle})
    }
    this.#diagnostics = diagnostics
    this.#told = diagnostics.told
    const kept = looks.cache?.read()
    this.#answers = new AddressAnswers(open, new AnswerTable(module.start, kept && unpackTable(kept)))
    this.#cgo = new CgoSymbolizer(pc => this.#answers.framesAt(pc))
    this.#looks = looks
    this.#texts = new StackTexts(this.#answers.table, looks.style)
  }

  /** Those are asked for next. */
  prepare(words: readonly AddressWord[], goOn: () => boolean): void {
    const addresses = words.map(addressOf)
    this.#answers.prepare(
      addresses.filter(address => address !== NULL_ADDRESS),
      goOn,
    )
  }

  to(word: AddressWord): string {
    const {json, style} = this.#looks
    const address = addressOf(word)
    if (!json && address !== NULL_ADDRESS && this.#answers.table.seek(address)) return this.#texts.text(word)
    const calls = address === NULL_ADDRESS ? [this.#cgo.clear(this.#arg)] : [...this.#cgo.steps(this.#arg, address)]
    if (json) return renderSymbolizerCalls(word, calls)
    return calls.map(call => renderSymbolizerCall(call, word, style)).join('')
  }

  /** For the next run: what cannot be told again without reading the files is not kept. */
  keep(): void {
    const {table, isRicher} = this.#answers
    if (isRicher && this.#diagnostics.told === this.#told) this.#looks.cache?.write(packTable(table.parts()))
  }

  /** What stands behind the last one. */
  end(): string {
    return this.#looks.json ? renderSymbolizerCalls(0, [this.#cgo.close(this.#arg)]) : ''
  }
}
