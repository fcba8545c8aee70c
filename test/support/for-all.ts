import type {ExecutionContext} from 'ava'
import {Random} from '../../lab/fuzz/random.ts'

/** What holds for everything that is made from a seed; the seed of what breaks it is in the failure. */
export function forAll(t: ExecutionContext, count: number, holds: (random: Random) => void): void {
  for (let seed = 1; seed <= count; seed++) {
    try {
      holds(new Random(seed))
    } catch (error) {
      t.fail(`seed ${seed}: ${error instanceof Error ? error.stack : error}`)
      return
    }
  }
  t.pass()
}

/** Some numbers of that kind, none to `limit`. */
export function listOf<T>(random: Random, limit: number, make: (random: Random) => T): T[] {
  return Array.from({length: random.below(limit + 1)}, () => make(random))
}
