import {Args} from '@oclif/core'
import {BaseCommand} from './base-command.ts'
import {bashScript} from './completion/bash-script.ts'
import {fishScript} from './completion/fish-script.ts'
import {grammarOf} from './completion/grammar.ts'
import {zshScript} from './completion/zsh-script.ts'
import {EXIT, withoutStrict} from './errors.ts'
import {SUMMARIES} from './summaries.ts'

const SHELLS = ['bash', 'fish', 'zsh'] as const
const SCRIPTS = {bash: bashScript, fish: fishScript, zsh: zshScript} as const

export default class Completion extends BaseCommand {
  static override summary = SUMMARIES.completion
  static override description =
    'Prints the script. It stands for itself: it starts nothing, and needs no other package. Put it where the shell ' +
    'looks for completions, and start a new shell.'
  static exitCodes = withoutStrict({[EXIT.ok]: 'script printed'})
  static override args = {
    shell: Args.string({required: true, name: 'SHELL', options: SHELLS, description: 'which shell is to read it'}),
  }
  static override examples = [
    '<%= config.bin %> completion bash > ~/.local/share/bash-completion/completions/gotrace-core',
    '<%= config.bin %> completion zsh > "$fpath[1]/_gotrace-core"',
    '<%= config.bin %> completion fish > ~/.config/fish/completions/gotrace-core.fish',
  ]

  async run(): Promise<void> {
    const {args} = await this.parse(Completion)
    const script = SCRIPTS[args.shell as keyof typeof SCRIPTS]
    const text = script(this.config.bin, grammarOf(this.config))
    this.writeAll([{path: undefined, isAllOrNothing: false, pieces: [text]}])
  }
}
