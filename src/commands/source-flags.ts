import {Flags} from '@oclif/core'

/** Flags of the commands that show lines of source. */
export const sourceFlags = {
  source: Flags.integer({
    description: 'show so many lines of source around the top frames of the crash (default: 5)',
    helpValue: 'N',
    min: 0,
    max: 1000,
  }),
  'source-dir': Flags.string({
    multiple: true,
    multipleNonGreedy: true,
    description: 'where sources are now: a folder instead of the one they were built in, or a folder to search',
    helpValue: 'FROM=TO',
    dependsOn: ['source'],
  }),
}
