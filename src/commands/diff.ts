import {Args, Flags} from '@oclif/core'
import {isStandardInput} from '../acquire/standard-input.ts'
import {Deadline} from '../base/deadline.ts'
import {InputError} from '../base/errors.ts'
import {runWithin} from '../base/time-limit.ts'
import {renderDiff} from '../render/diff-text.ts'
import {renderWhole} from '../render/json.ts'
import type {DiffAnswer, DiffReport} from '../report/core-report.ts'
import type {Change} from '../report/vocabulary.ts'
import type {DumpedStack} from '../traceback/dumped-stack.ts'
import {goroutinesOfCore} from '../triage/comparison/core-goroutines.ts'
import {type DumpInput, readDump} from '../triage/comparison/dump-input.ts'
import {diffGoroutines, type GoroutineSet} from '../triage/comparison/goroutine-diff.ts'
import {diffSignatures, type SignatureSet, signaturesOfStore} from '../triage/comparison/signature-diff.ts'
import {CrashStore} from '../triage/store/crash-store.ts'
import {BaseCommand, outputFlags, searchFlags, timeoutFlag} from './base-command.ts'
import {coreFlags} from './core-command.ts'
import {EXIT, REPORT_EXIT_CODES} from './errors.ts'
import {analysisOptions, openFromFlags} from './open-core.ts'
import {SUMMARIES} from './summaries.ts'
import {ALL_CHANGES} from './triage/diff.ts'
import {failOnFlag, parseWords} from './triage/triage-command.ts'

export default class Diff extends BaseCommand {
  static override summary = SUMMARIES.diff
  static override description =
    'Compares the goroutines of two dumps by their stacks: a core, a traceback of Go (standard error of a crash, ' +
    'SIGQUIT, runtime.Stack, /debug/pprof/goroutine?debug=2) or a goroutine profile (debug=1, or in the format of ' +
    'pprof). Of a core and another dump Go frames are compared, without those of the runtime. Two files of lines of ' +
    'batch, or stores, are compared by signature. What a file is its content tells; - is standard input, for a text or ' +
    'a profile.'
  static exitCodes: Readonly<Record<string, string>> = {
    ...REPORT_EXIT_CODES,
    [EXIT.found]: 'with --fail-on: there is such a change',
  }
  static override args = {
    before: Args.string({required: true, name: 'A', description: 'what was before'}),
    after: Args.string({required: true, name: 'B', description: 'what was after'}),
  }
  static override flags = {
    exe: Flags.string({
      char: 'e',
      multiple: true,
      multipleNonGreedy: true,
      description: 'the executable; twice: that of A, then that of B',
      helpValue: 'FILE',
    }),
    ...searchFlags,
    ...outputFlags,
    'fail-on': failOnFlag,
    strict: coreFlags.strict,
    redact: coreFlags.redact,
    timeout: timeoutFlag,
    'max-frames': coreFlags['max-frames'],
    'no-demangle': coreFlags['no-demangle'],
  }
  static override examples = [
    '<%= config.bin %> diff core.1 core.2',
    '<%= config.bin %> diff goroutines-before.txt core.1234 --fail-on new,grown',
    '<%= config.bin %> diff monday.ndjson tuesday.ndjson --json',
  ]

  async run(): Promise<void> {
    const {args, flags} = await this.parse(Diff)
    const failOn = flags['fail-on'] === undefined ? [] : parseWords(flags['fail-on'], '--fail-on', ALL_CHANGES)
    requireTwo(args)
    const deadline = new Deadline(flags.timeout, this.diagnostics)
    const [exe, otherExe = exe] = flags.exe ?? []
    const context = {diagnostics: this.diagnostics, deadline}
    const dumps = [await readDump(args.before, context), await readDump(args.after, context)] as const
    const before = await this.#read(args.before, dumps, {...flags, exe}, deadline)
    const after = await this.#read(args.after, [dumps[1], dumps[0]], {...flags, exe: otherExe}, deadline)
    const found = runWithin(deadline, () => compare(args, before, after))
    const whole: DiffAnswer = {
      schemaVersion: '1',
      tool: {name: this.config.name, version: this.config.version},
      ...found,
    }
    const answer = flags.redact ? this.redaction.value(whole) : whole
    const style = await this.style(flags.color, flags.output)
    const pieces = flags.json ? renderWhole(answer) : renderDiff(answer, style)
    runWithin(deadline, () => this.writeAll([{path: flags.output, isAllOrNothing: flags.json, pieces}]))
    if (!flags.quiet) this.showBeside()
    if (flags.strict && ![before, after].every(({isComplete}) => isComplete)) this.exit(EXIT.incomplete)
    if (holdsChange(answer.signatures ?? answer.goroutines ?? [], failOn)) this.exit(EXIT.found)
  }

  async #read(
    path: string,
    [dump, other]: readonly [DumpInput, DumpInput],
    flags: ReadFlags,
    deadline: Deadline,
  ): Promise<Read> {
    if (dump.kind === 'core') return this.#readCore(path, 'stacks' in other ? other.stacks : undefined, flags, deadline)
    if (dump.kind === 'store') return {signatures: await readStore(path), isComplete: true}
    if (dump.kind === 'lines') return {signatures: dump.signatures, isComplete: true}
    return {goroutines: {compared: describe(path, dump), buildId: null, stacks: dump.stacks}, isComplete: true}
  }

  async #readCore(
    path: string,
    other: Iterable<DumpedStack> | undefined,
    flags: ReadFlags,
    deadline: Deadline,
  ): Promise<Read> {
    const {diagnostics} = this
    const opened = await openFromFlags(path, flags, {diagnostics, deadline})
    try {
      const options = {...analysisOptions(flags, this.config), diagnostics, deadline}
      const goroutines = runWithin(deadline, () => goroutinesOfCore(opened, path, options, other))
      return {goroutines, isComplete: goroutines.isComplete}
    } finally {
      opened.close()
    }
  }
}

type ReadFlags = Parameters<typeof openFromFlags>[1] & Parameters<typeof analysisOptions>[0]

/** What one of the two holds: goroutines or signatures. */
interface Read {
  readonly goroutines?: GoroutineSet | undefined
  readonly signatures?: SignatureSet | undefined
  readonly isComplete: boolean
}

/** @throws InputError where both are standard input, which is read once */
function requireTwo({before, after}: {readonly before: string; readonly after: string}): void {
  if (![before, after].every(isStandardInput)) return
  throw new InputError('bad-argument', 'both dumps are standard input', 'write one of them to a file, and name that')
}

async function readStore(path: string): Promise<SignatureSet> {
  const store = await CrashStore.open(path, 'read')
  try {
    return await signaturesOfStore(store, {since: undefined, until: undefined, now: new Date().toISOString()})
  } finally {
    await store.close()
  }
}

function describe(path: string, {kind, stacks}: Extract<DumpInput, {stacks: unknown}>): DiffReport['before'] {
  let total = 0
  for (const {count} of stacks) total += count
  return {path, kind, count: total, since: null, until: null}
}

function holdsChange(changes: Iterable<{readonly change: Change}>, wanted: readonly Change[]): boolean {
  if (wanted.length === 0) return false
  for (const {change} of changes) if (wanted.includes(change)) return true
  return false
}

/** @throws InputError where one has goroutines and the other signatures */
function compare(
  paths: {readonly before: string; readonly after: string},
  before: Read,
  after: Read,
): Omit<DiffAnswer, 'schemaVersion' | 'tool'> {
  if (before.goroutines && after.goroutines) {
    const {by, goroutines} = diffGoroutines(before.goroutines, after.goroutines)
    const sides = {before: before.goroutines.compared, after: after.goroutines.compared}
    return {...sides, by, signatures: null, goroutines}
  }
  if (before.signatures && after.signatures) {
    const sides = {before: before.signatures.compared, after: after.signatures.compared}
    return {
      ...sides,
      by: 'signature',
      signatures: diffSignatures(before.signatures, after.signatures),
      goroutines: null,
    }
  }
  const what = ({goroutines}: Read): string => (goroutines ? 'goroutines' : 'signatures')
  throw new InputError(
    'bad-argument',
    `${paths.before} holds ${what(before)}, ${paths.after} ${what(after)}`,
    'compare cores, tracebacks and profiles with each other, or lines of batch and stores',
  )
}
