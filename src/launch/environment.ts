import {homedir} from 'node:os'

/**
 * A user without an entry in passwd, as in most containers, has neither a home nor a shell. The bundled libraries ask for
 * both as soon as they are loaded, use neither, and die of the answer.
 */
export function settleEnvironment(environment: NodeJS.ProcessEnv): void {
  environment.SHELL ??= ''
  try {
    environment.HOME ??= homedir()
  } catch {
    environment.HOME = ''
  }
}
