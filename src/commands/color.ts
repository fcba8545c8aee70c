import {PLAIN_STYLE, paintedStyle, type Style} from '../render/style.ts'

export type ColorChoice = 'auto' | 'always' | 'never'

/**
 * Colour or none, decided once: the flag, then FORCE_COLOR, then NO_COLOR (no-color.org: set and not empty), then the
 * terminal. chalk 5 and oclif ignore NO_COLOR, so they are told.
 */
export function colorLevel(
  choice: ColorChoice,
  env: Readonly<Record<string, string | undefined>>,
  isTerminal: boolean,
): 0 | 1 {
  if (choice !== 'auto') return choice === 'always' ? 1 : 0
  const forced = env.FORCE_COLOR
  if (forced !== undefined && forced !== '') return forced === '0' || forced === 'false' ? 0 : 1
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== '') return 0
  return isTerminal && env.TERM !== 'dumb' ? 1 : 0
}

export async function colouredStyle(level: 0 | 1): Promise<Style> {
  if (level === 0) return PLAIN_STYLE
  const {Chalk} = await import('chalk')
  const chalk = new Chalk({level})
  return paintedStyle({
    header: chalk.red.bold,
    goroutine: chalk.bold,
    goFunction: chalk.cyan,
    cFunction: chalk.yellow,
    location: chalk.dim,
    note: chalk.dim,
    source: (text, isCurrent) => (isCurrent ? chalk.bold(text) : chalk.dim(text)),
  })
}
