// Holds what `analyze` says of live crashes against the chains of calls that the programs' sources state.
//
//   npx tsx scripts/chains.ts LAB [RELEASE…]      cases of `scripts/fixtures.ts --live LAB`
import {existsSync, readdirSync} from 'node:fs'
import {join} from 'node:path'
import process from 'node:process'
import {checkChain, readChains} from '../lab/chains.ts'
import {gotrace} from '../lab/gotrace.ts'
import {programs} from '../lab/programs.ts'

const [lab = '', ...releases] = process.argv.slice(2)
let wrongCases = 0
for (const release of releases.length > 0 ? releases : readdirSync(lab)) {
  for (const program of programs) {
    const chains = readChains(program.sources ?? program.name)
    for (const mode of program.modes) {
      const chain = chains.get(mode.name)
      const directory = join(lab, release, `${program.name}-${mode.name}`)
      if (!chain || !existsSync(join(directory, 'core'))) continue
      const result = gotrace(['analyze', join(directory, 'core'), '--exe', join(directory, 'exe'), '--json'])
      const wrong = result.exitCode === 0 ? checkChain(JSON.parse(result.stdout), chain) : [result.stderr]
      if (wrong.length > 0) wrongCases++
      console.log(
        `${release} ${program.name} ${mode.name}: ${wrong.length === 0 ? 'as expected' : `\n  ${wrong.join('\n  ')}`}`,
      )
    }
  }
}
process.exitCode = wrongCases > 0 ? 1 : 0
