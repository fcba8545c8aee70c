import {Command, Flags, type Interfaces} from '@oclif/core'
import {DEFAULT_UNPACK_LIMITS, type UnpackLimits} from '../acquire/unpack-limits.ts'
import {DEFAULT_TIMEOUT_SECONDS} from '../base/deadline.ts'
import {Diagnostics} from '../base/diagnostics.ts'
import {InputError} from '../base/errors.ts'
import {splitOperands} from '../base/operands.ts'
import {printable} from '../base/printable.ts'
import {isTerminal} from '../base/terminal.ts'
import {TextSink} from '../base/text-sink.ts'
import {DEFAULT_SECTION_MEMORY} from '../elf/section-budget.ts'
import {Redaction} from '../render/redaction.ts'
import {inTurns} from '../render/shared-answer.ts'
import type {Style} from '../render/style.ts'
import {type ColorChoice, colorLevel, colouredStyle} from './color.ts'
import {tellError, wantsJson} from './errors.ts'
import {writeStandardError} from './standard-streams.ts'

export const MEBIBYTE = 1024 ** 2
const GIBIBYTE = 1024 ** 3

/** Flags of every command. */
export const outputFlags = {
  json: Flags.boolean({description: 'print JSON instead of text'}),
  output: Flags.string({char: 'o', description: 'write the report to a file', helpValue: 'FILE'}),
  color: Flags.option({
    options: ['auto', 'always', 'never'] as const,
    default: 'auto' as const,
    description: 'colour the text (NO_COLOR and FORCE_COLOR are honoured)',
  })(),
  quiet: Flags.boolean({description: 'no diagnostics and no progress on standard error'}),
}

export const redactFlag = Flags.boolean({
  description: 'leave out arguments, environment, messages, labels, registers and home folders',
})

export const timeoutFlag = Flags.integer({
  description: 'time for all of it: then what was found until then is printed, marked as a part',
  helpValue: 'SECONDS',
  min: 1,
  max: 1_000_000,
  default: DEFAULT_TIMEOUT_SECONDS,
})

/** The words of a parsed command line that are no flags, in the order in which they were typed. */
export function operandsOf(raw: readonly {readonly type: string; readonly input: string}[]): string[] {
  return splitOperands(raw.filter(({type}) => type === 'arg').map(({input}) => input))
}

/** Where files that the core names are looked for. */
export const searchFlags = {
  sysroot: Flags.string({
    multiple: true,
    multipleNonGreedy: true,
    description: 'look for the files of the core below DIR',
    helpValue: 'DIR',
  }),
  'host-files': Flags.boolean({
    description: 'with --sysroot: use the files of this machine too, where DIR has none',
    dependsOn: ['sysroot'],
  }),
  'debug-dir': Flags.string({
    multiple: true,
    multipleNonGreedy: true,
    description: 'look for separate debug files in DIR',
    helpValue: 'DIR',
  }),
  symbols: Flags.string({
    multiple: true,
    multipleNonGreedy: true,
    description:
      'fetch missing files from this symbol store: a folder, s3://BUCKET/PREFIX, https://… (default: GOTRACE_SYMBOLS)',
    helpValue: 'STORE',
  }),
  debuginfod: Flags.string({
    multiple: true,
    multipleNonGreedy: true,
    description: 'fetch missing files from this debuginfod server (default: DEBUGINFOD_URLS)',
    helpValue: 'URL',
  }),
  'unpack-disk': Flags.integer({
    description: 'room that unpacking one file may take, zeros not counted',
    helpValue: 'GB',
    min: 1,
    max: 1_000_000,
    default: DEFAULT_UNPACK_LIMITS.diskMax / GIBIBYTE,
  }),
  'unpack-ratio': Flags.integer({
    description: 'how many times as much a packed file may unpack to, past some gigabytes',
    helpValue: 'N',
    min: 1,
    max: 1_000_000_000,
    default: DEFAULT_UNPACK_LIMITS.ratioMax,
  }),
  'section-memory': Flags.integer({
    description: 'memory for the sections of all files together: debug information, tables, symbols',
    helpValue: 'MB',
    min: 1,
    max: 1_000_000,
    default: DEFAULT_SECTION_MEMORY / MEBIBYTE,
  }),
}

export type SearchFlags = Interfaces.InferredFlags<typeof searchFlags>

/** What the flags say of unpacking. */
export function unpackLimits(flags: Pick<SearchFlags, 'unpack-disk' | 'unpack-ratio'>): UnpackLimits {
  return {...DEFAULT_UNPACK_LIMITS, diskMax: flags['unpack-disk'] * GIBIBYTE, ratioMax: flags['unpack-ratio']}
}

/** A document as it is written: its pieces as they are made. */
export interface WrittenDocument {
  /** undefined: standard output. */
  readonly path: string | undefined
  /** A part of it is of no use. */
  readonly isAllOrNothing: boolean
  readonly pieces: Iterable<string | Uint8Array>
}

/** What all commands share: where output goes, how it is coloured, how diagnostics are shown. */
export abstract class BaseCommand extends Command {
  protected readonly diagnostics = new Diagnostics()

  /** What `--redact` leaves out. */
  protected readonly redaction = new Redaction([process.env.HOME])

  readonly #sinks: {sink: TextSink; isAllOrNothing: boolean}[] = []

  protected openSink(path: string | undefined, isAllOrNothing = wantsJson(this.argv)): TextSink {
    // The mere making of Node's own stream does it; it loads Node's network, which a short report can do without.
    const sink = TextSink.open(path, () => process.stdout.uncork())
    this.#sinks.push({sink, isAllOrNothing})
    return sink
  }

  /** Writes the documents in turns; stops early when the reader of a pipe has gone. */
  protected writeAll(documents: readonly WrittenDocument[]): void {
    const sinks: TextSink[] = []
    try {
      for (const {path, isAllOrNothing} of documents) sinks.push(this.openSink(path, isAllOrNothing))
      const gone = new Set<number>()
      for (const {index, piece} of inTurns(documents.map(({pieces}) => pieces))) {
        if (sinks[index]?.write(piece) === false) gone.add(index)
        if (gone.size === sinks.length) break
      }
    } catch (error) {
      // Half a document is of no use to a program; half a text is to a person.
      for (const {sink, isAllOrNothing} of this.#sinks) if (isAllOrNothing) sink.discard()
      throw error
    } finally {
      for (const sink of sinks) sink.close()
    }
  }

  /** Nothing of `writeAll` runs any more where its time was over. */
  #leaveSinks(): void {
    for (const {sink, isAllOrNothing} of this.#sinks) {
      try {
        if (isAllOrNothing) sink.discard()
        else sink.leave()
      } catch (error) {
        if (!(error instanceof InputError)) throw error
      }
    }
  }

  /**
   * A failure is told here, where it is known whether a part of the document is out already: nothing may follow that.
   */
  protected override async catch(error: Error): Promise<void> {
    this.#leaveSinks()
    const usage = `${this.config.bin} ${this.id?.replaceAll(':', ' ')}`
    this.exit(tellError(error, {usage, json: wantsJson(this.argv) && !this.#sinks.some(({sink}) => sink.hasBegun)}))
  }

  protected async style(color: ColorChoice, output: string | undefined): Promise<Style> {
    return colouredStyle(colorLevel(color, process.env, output === undefined && isTerminal(1)))
  }

  /** Why `--strict` ends the command as it does. */
  protected showIncomplete(reasons: readonly string[]): void {
    const why = reasons.length === 0 ? 'no stack could be walked' : reasons.join('; ')
    writeStandardError(`${this.config.bin}: incomplete: ${printable(why)}\n`)
  }

  /** What goes to standard error behind a report: remarks, then the diagnostics. */
  protected showBeside(remarks: readonly string[] = []): void {
    for (const remark of remarks) writeStandardError(`${this.config.bin}: ${printable(remark)}\n`)
    for (const {severity, message, count, hint, where} of this.diagnostics.list()) {
      const place = where !== null && !message.includes(where) ? `${where}: ` : ''
      const times = count > 1 ? ` (${count} times)` : ''
      writeStandardError(`${this.config.bin}: ${severity}: ${printable(place + message)}${times}\n`)
      if (hint !== null) writeStandardError(`  ${printable(hint)}\n`)
    }
  }
}
