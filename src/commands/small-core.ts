import {Flags, type Interfaces} from '@oclif/core'
import type {OpenProcess} from '../acquire/open-process.ts'
import {DEFAULT_VALUE_LIMITS} from '../analysis/values/limits.ts'
import type {ReadRecord} from '../base/read-record.ts'
import {runWithin} from '../base/time-limit.ts'
import {CoreRedaction} from '../elf/core-redaction.ts'
import {type MinimalCorePlan, planMinimalCore} from '../elf/minimal-core-writer.ts'
import {outputFlags, searchFlags, timeoutFlag} from './base-command.ts'
import {coreFlags} from './core-command.ts'
import {analysisOptions, type RunContext} from './open-core.ts'
import {readWhole, runtimeStructures} from './whole-reading.ts'

/** Flags of the commands that write a core anew. */
export const smallCoreFlags = {
  exe: coreFlags.exe,
  ...searchFlags,
  output: Flags.string({char: 'o', description: 'the file to write', helpValue: 'FILE', required: true}),
  redact: Flags.boolean({description: 'blank texts and values: what is no pointer, length or runtime structure'}),
  secrets: Flags.string({
    description: 'texts, one a line, that must not be in what is written; else nothing is, with exit code 1',
    helpValue: 'FILE',
  }),
  quiet: outputFlags.quiet,
  timeout: timeoutFlag,
  'max-frames': coreFlags['max-frames'],
}

type SmallCoreFlags = Pick<Interfaces.InferredFlags<typeof smallCoreFlags>, 'redact' | 'max-frames'>

/** What `--redact` leaves in a core. */
export const LEFT_BY_REDACTION =
  'left are: the paths of loaded files, the name, user and signal of the process, where each thread was, code and ' +
  'read-only data of loaded files, structures of the Go runtime, pointers, and numbers below 4194304'

/** Reads a core as every command does, and plans one of what was read. */
export function planSmallCore(
  opened: OpenProcess,
  record: ReadRecord,
  flags: SmallCoreFlags,
  {config, ...context}: RunContext & {config: {name: string; version: string}},
): MinimalCorePlan {
  return runWithin(context.deadline, () => {
    const options = {...analysisOptions({...flags, 'no-demangle': false}, config), ...context}
    const isBlanked = flags.redact || opened.isRedacted
    readWhole(opened, options, isBlanked ? undefined : {choice: 'all', limits: DEFAULT_VALUE_LIMITS})
    const {core, modules} = opened
    if (!isBlanked) return planMinimalCore(core.source, record.ranges())
    const redaction = new CoreRedaction(core, modules, runtimeStructures(opened, options))
    return planMinimalCore(core.source, record.ranges(), (bytes, offset) => redaction.blank(bytes, offset))
  })
}
