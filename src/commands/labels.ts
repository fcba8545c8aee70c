import {InputError} from '../base/errors.ts'

/** Labels as `--label` names them. @throws InputError bad-argument */
export function parseLabels(texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    texts.map(text => {
      const at = text.indexOf('=')
      if (at > 0) return [text.slice(0, at), text.slice(at + 1)]
      throw new InputError('bad-argument', `--label ${text}: no KEY=VALUE`, 'such as --label host=web-3')
    }),
  )
}
