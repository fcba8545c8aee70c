import {CommandHelp, Help} from '@oclif/core'
import {writeStandardStream} from '../base/output-file.ts'

/** A command's own statics reach its help as properties of the command. */
interface WithExitCodes {
  readonly exitCodes?: Readonly<Record<string, string>>
}

const HEADER = 'EXIT CODES'

class ExplainedCommand extends CommandHelp {
  protected override sections(): ReturnType<CommandHelp['sections']> {
    const {exitCodes = {}} = this.command as WithExitCodes
    const body = Object.entries(exitCodes)
    const generate = () => (body.length === 0 ? [] : [{header: HEADER, body}])
    return [...super.sections(), {header: HEADER, generate}]
  }
}

/** oclif's help, with the exit codes of the command that it explains (package.json, "oclif.helpClass"). */
export class ExplainedHelp extends Help {
  protected override readonly CommandHelpClass = ExplainedCommand

  /** oclif writes to Node's own stream, for which Node loads its network. */
  protected override log(...lines: string[]): void {
    writeStandardStream(1, `${lines.join(' ')}\n`, Number.POSITIVE_INFINITY)
  }
}
