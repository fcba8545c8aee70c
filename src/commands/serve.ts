import {randomBytes} from 'node:crypto'
import {Flags} from '@oclif/core'
import {serveSite} from '../triage/site/http-server.ts'
import {StoreSite} from '../triage/site/store-site.ts'
import {CrashStore} from '../triage/store/crash-store.ts'
import {EXIT, withoutStrict} from './errors.ts'
import {SUMMARIES} from './summaries.ts'
import {parsePageQuery} from './triage/signature-query.ts'
import {nameOfUser, storeFlags, TriageCommand} from './triage/triage-command.ts'

const TOKEN_BYTES = 18

export default class Serve extends TriageCommand {
  static override summary = SUMMARIES.serve
  static override description =
    'Serves the store on this machine alone (127.0.0.1), until it is interrupted; the address is printed. What the ' +
    'pages show is JSON too: /api/signatures with the flags of triage list as parameters, /api/signatures/SIGNATURE, ' +
    '/api/reports/KEY of a core with batch --reports. Nothing can be changed without --writable. There is no ' +
    'encryption and no password: another --host is open to whoever reaches it.'
  static override exitCodes = withoutStrict({[EXIT.ok]: 'it was interrupted', [EXIT.input]: 'the store cannot be read'})
  static override flags = {
    store: storeFlags.store,
    port: Flags.integer({description: '0: any that is free', helpValue: 'N', min: 0, max: 65_535, default: 7371}),
    host: Flags.string({description: 'the address to listen at', helpValue: 'ADDRESS', default: '127.0.0.1'}),
    writable: Flags.boolean({description: 'signatures may be marked'}),
  }
  static override examples = ['<%= config.bin %> serve --store crashes.db']

  async run(): Promise<void> {
    const {flags} = await this.parse(Serve)
    const store = await CrashStore.open(flags.store, flags.writable ? 'write' : 'read')
    try {
      const site = new StoreSite({
        store,
        tool: this.tool,
        token: flags.writable ? randomBytes(TOKEN_BYTES).toString('base64url') : undefined,
        author: nameOfUser(),
        now: () => new Date().toISOString(),
        parseQuery: query => parsePageQuery(query, Date.now()),
      })
      const server = await serveSite(site, flags)
      this.writeAll([{path: undefined, isAllOrNothing: false, pieces: [`${server.url}\n`]}])
      await new Promise<void>(done => {
        for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, () => done())
      })
      await server.close()
    } finally {
      await store.close()
    }
  }
}
