import {homedir} from 'node:os'

/**
 * A user without an entry in passwd, as in most containers, has neither a home nor a shell. The bundled libraries ask
 * for both as soon as they are loaded, use neither, and die of the answer. A home longer than any path is none either.
 */
export function settleEnvironment(environment: NodeJS.ProcessEnv): void {
  environment.SHELL ??= ''
  try {
    environment.HOME = homedir()
  } catch {
    environment.HOME = ''
  }
  // oclif would compare "engines" with this Node, and look whether its messages to developers go to a terminal.
  environment.OCLIF_DISABLE_ENGINE_WARNING = '1'
  environment.DEBUG_COLORS ??= '0'
}
