import {Args} from '@oclif/core'
import {analyzeCgo} from '../analysis/analyze-cgo.ts'
import {CoreCommand, coreFlags, formatFlag} from './core-command.ts'
import {analysisOptions} from './open-core.ts'
import {SUMMARIES} from './summaries.ts'

export default class Cgo extends CoreCommand {
  static override summary = SUMMARIES.cgo
  static override description =
    `Lists who called which C function, by function; then, for each thread, the C stack that the runtime's
signal handler had saved (m.cgoCallers), held against the real one, and whether a signal now would make it save one, and if not, why.`
  static override args = {
    core: Args.string({required: true, name: 'CORE', description: 'the core file; may be compressed'}),
  }
  static override flags = {...coreFlags, format: formatFlag('cgo')}
  static override examples = ['<%= config.bin %> cgo core.1234', '<%= config.bin %> cgo core.1234 --json']

  async run(): Promise<void> {
    const {args, flags} = await this.parse(Cgo)
    await this.answer('cgo', args.core, flags, {
      analyze: (process, context) => analyzeCgo(process, {...analysisOptions(flags, this.config), ...context}),
    })
  }
}
