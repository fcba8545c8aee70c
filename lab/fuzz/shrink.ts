import type {CrashFuzz} from './worker.ts'
import type {Recipe} from './working-copy.ts'

/** Leaves out whatever change is not needed for some fault, one after the other. */
export async function shrink(recipe: Recipe, fuzz: CrashFuzz): Promise<Recipe> {
  let kept = recipe
  for (let index = recipe.damages.length - 1; index >= 0 && kept.damages.length > 1; index--) {
    const fewer = {...kept, damages: kept.damages.filter((_, at) => at !== index)}
    const {faults} = await fuzz.run(fewer)
    if (faults.length > 0) kept = fewer
  }
  return kept
}
