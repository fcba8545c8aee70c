import {createRequire} from 'node:module'
import {InputError} from '../base/errors.ts'

/**
 * Loads a package that few need, and that is installed beside this one by those who do.
 * @param install what to install, with versions
 * @throws InputError unsupported, with the command that installs it, where it is not there
 */
export function loadPeer<Exports>(name: string, purpose: string, install: string): Exports {
  const require = createRequire(import.meta.url)
  try {
    return require(name) as Exports
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error
    throw new InputError(
      'unsupported',
      `${purpose} needs the package ${name}, which is not installed`,
      `install it beside gotrace-core: npm install ${install} (with -g where gotrace-core is installed with it)`,
      {cause: error},
    )
  }
}
