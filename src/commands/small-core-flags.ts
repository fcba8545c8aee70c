import {Flags} from '@oclif/core'
import {outputFlags, searchFlags, timeoutFlag} from './base-command.ts'
import {coreFlags} from './core-command.ts'

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

/** What `--redact` leaves in a core. */
export const LEFT_BY_REDACTION =
  'left are: the paths of loaded files, the name, user and signal of the process, where each thread was, code and ' +
  'read-only data of loaded files, structures of the Go runtime, pointers, and numbers below 4194304'
