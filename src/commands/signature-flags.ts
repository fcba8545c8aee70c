import {Flags} from '@oclif/core'
import {type RulesText, SignatureRules} from '../analysis/signature/rules.ts'
import {FileSource} from '../base/byte-source.ts'
import {InputError} from '../base/errors.ts'

/** Flags of the commands that make signatures. */
export const signatureFlags = {
  'signature-rules': Flags.string({
    description: 'rules for signatures, added to those that everyone has (docs/signatures.md)',
    helpValue: 'FILE',
  }),
  explain: Flags.boolean({description: 'which rule kept each frame for the signature, left it out or rewrote it'}),
}

/** No list of functions is so long. */
const SIZE_MAX = 1024 * 1024

/** @throws InputError where the file cannot be read, or a rule in it cannot be understood */
export function readOwnRules(path: string | undefined): RulesText | undefined {
  if (path === undefined) return undefined
  const file = FileSource.open(path)
  try {
    if (file.size > SIZE_MAX) {
      throw new InputError('bad-argument', `${path}: too large for signature rules`, 'name a text file of rules')
    }
    const own = {name: path, text: new TextDecoder().decode(file.read(0, file.size))}
    // What is wrong in it is told before any core is read.
    new SignatureRules(own)
    return own
  } finally {
    file.close()
  }
}
