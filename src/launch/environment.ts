import type {homedir} from 'node:os'

/** The longest path (PATH_MAX), for libuv asks for a home with room for no more. */
const PATH_MAX = 4096

/**
 * A user without an entry in passwd, as in most containers, has neither a home nor a shell. The bundled libraries ask
 * for both as soon as they are loaded, use neither, and die of the answer. A home longer than any path is none either.
 */
export function settleEnvironment(environment: NodeJS.ProcessEnv): void {
  environment.SHELL ??= ''
  environment.HOME = homeOf(environment)
  // oclif would compare "engines" with this Node, and look whether its messages to developers go to a terminal.
  environment.OCLIF_DISABLE_ENGINE_WARNING = '1'
  environment.DEBUG_COLORS ??= '0'
}

/** As libuv tells it; `node:os` is loaded where that asks more than the environment. */
function homeOf({HOME}: NodeJS.ProcessEnv): string {
  if (HOME !== undefined) return Buffer.byteLength(HOME) < PATH_MAX ? HOME : ''
  const os: {homedir: typeof homedir} = require('node:os')
  try {
    return os.homedir()
  } catch {
    return ''
  }
}
