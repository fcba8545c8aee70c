import {InputError} from '../base/errors.ts'

const UNITS: Record<string, bigint> = {
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
  d: 86_400_000_000_000n,
}

/**
 * Nanoseconds of `5` (minutes, as the runtime prints waits), `90s`, `1h30m`, `2d`.
 * @throws InputError bad-argument
 */
export function parseDuration(text: string, flag: string): bigint {
  const parts = [...text.matchAll(/(\d{1,9})([smhd])/g)]
  if (/^\d{1,9}$/.test(text)) return BigInt(text) * 60_000_000_000n
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text) {
    throw new InputError(
      'bad-argument',
      `${flag} ${text}: no duration`,
      'write minutes, or a duration such as 90s or 1h30m',
    )
  }
  return parts.reduce((sum, [, amount = '0', unit = 'm']) => sum + BigInt(amount) * (UNITS[unit] ?? 0n), 0n)
}

/** @throws InputError bad-argument */
export function parsePattern(text: string, flag: string): RegExp {
  try {
    return new RegExp(text, 'u')
  } catch (cause) {
    const hint = 'write a regular expression of JavaScript; parentheses, stars and dots of names need a backslash'
    throw new InputError('bad-argument', `${flag} ${text}: no regular expression`, hint, {cause})
  }
}
