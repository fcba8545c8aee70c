// The command line from source: node --import tsx bin/dev.js analyze CORE
import {readFileSync} from 'node:fs'
import {dirname, join} from 'node:path'
import {fileURLToPath} from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const pjson = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
pjson.oclif.commands = {strategy: 'explicit', target: './src/main.ts', identifier: 'COMMANDS'}
pjson.oclif.helpClass = {target: './src/main.ts', identifier: 'ExplainedHelp'}
const {settleEnvironment} = await import('../src/launch/environment.ts')
settleEnvironment(process.env)
const {settleCommandLine} = await import('../src/launch/command-line.ts')
process.argv.splice(2, Number.POSITIVE_INFINITY, ...settleCommandLine(process.argv.slice(2)))
const {start} = await import('../src/main.ts')
await start(root, pjson)
