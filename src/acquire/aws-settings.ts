import {createRequire} from 'node:module'
import {join} from 'node:path'
import {InputError, messageOf} from '../base/errors.ts'
import {readFileHead} from '../base/file-head.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export interface AwsCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string | undefined
}

/** Where S3 is and who asks, as every program of AWS is told (AWS SDKs and Tools Reference Guide, "Settings"). */
export interface AwsSettings {
  readonly region: string
  /** Of a server that is not AWS's: buckets are then named in the path, for it has no names for them. */
  readonly endpoint: string | undefined
  readonly credentials: AwsCredentials
}

const DEFAULT_REGION = 'us-east-1'
/** A file of settings that is longer is none. */
const PROFILES_MAX = 1024 * 1024
/** What finds the credentials of roles, of containers, of machines and of single sign-on: an optional peer. */
const PROVIDER = '@aws-sdk/credential-provider-node'

type Profile = Readonly<Record<string, string>>

/**
 * Settings from the environment, else from the profile in AWS's two files.
 * @throws InputError where there are no credentials
 */
export async function readAwsSettings(environment: Environment): Promise<AwsSettings> {
  const profile = readProfile(environment)
  const endpoint = environment.AWS_ENDPOINT_URL_S3 || environment.AWS_ENDPOINT_URL || profile.endpoint_url
  if (endpoint && !/^https?:\/\//.test(endpoint)) {
    throw new InputError('bad-argument', `${endpoint}: no address of an S3 server`, 'set AWS_ENDPOINT_URL=https://…')
  }
  return {
    region: environment.AWS_REGION || environment.AWS_DEFAULT_REGION || profile.region || DEFAULT_REGION,
    endpoint: endpoint ? endpoint.replace(/\/+$/, '') : undefined,
    credentials: ofEnvironment(environment) ?? ofProfile(profile) ?? (await ofProvider(environment)),
  }
}

function ofEnvironment(environment: Environment): AwsCredentials | undefined {
  const {AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey} = environment
  if (!accessKeyId || !secretAccessKey) return undefined
  return {accessKeyId, secretAccessKey, sessionToken: environment.AWS_SESSION_TOKEN || undefined}
}

function ofProfile(profile: Profile): AwsCredentials | undefined {
  const {aws_access_key_id: accessKeyId, aws_secret_access_key: secretAccessKey} = profile
  if (!accessKeyId || !secretAccessKey) return undefined
  return {accessKeyId, secretAccessKey, sessionToken: profile.aws_session_token || undefined}
}

interface ProviderPackage {
  defaultProvider(options: {profile?: string | undefined}): () => Promise<AwsCredentials>
}

/** @throws InputError */
async function ofProvider(environment: Environment): Promise<AwsCredentials> {
  let provider: ProviderPackage
  try {
    provider = createRequire(import.meta.url)(PROVIDER) as ProviderPackage
  } catch (cause) {
    throw new InputError(
      'unreadable',
      'no credentials for S3: neither AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY, nor a profile with keys',
      `set them, or name a profile with AWS_PROFILE; for roles and single sign-on: npm install ${PROVIDER}`,
      {cause},
    )
  }
  try {
    return await provider.defaultProvider({profile: environment.AWS_PROFILE || undefined})()
  } catch (cause) {
    const message = `no credentials for S3: ${messageOf(cause)}`
    throw new InputError('unreadable', message, 'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or sign on', {cause})
  }
}

/** The credentials file is the stronger one. */
function readProfile(environment: Environment): Profile {
  const name = environment.AWS_PROFILE || environment.AWS_DEFAULT_PROFILE || 'default'
  const home = environment.HOME
  const inHome = (file: string): string | undefined => (home ? join(home, '.aws', file) : undefined)
  const config = readSection(
    environment.AWS_CONFIG_FILE || inHome('config'),
    name === 'default' ? ['default', 'profile default'] : [`profile ${name}`],
  )
  return {...config, ...readSection(environment.AWS_SHARED_CREDENTIALS_FILE || inHome('credentials'), [name])}
}

/** The keys of a section; what is indented below one of them belongs to that, and is not asked for. */
function readSection(path: string | undefined, names: readonly string[]): Profile {
  const found: Record<string, string> = {}
  let isWanted = false
  for (const line of readLines(path)) {
    const section = /^\[\s*(.*?)\s*\]/.exec(line)?.[1]
    if (section !== undefined) isWanted = names.includes(section.replace(/\s+/g, ' '))
    const [, key = '', value = ''] = /^([\w-]+)\s*=\s*(.*?)\s*$/.exec(line) ?? []
    if (isWanted && key !== '') found[key.toLowerCase()] = value
  }
  return found
}

function readLines(path: string | undefined): string[] {
  if (path === undefined) return []
  try {
    return new TextDecoder().decode(readFileHead(path, PROFILES_MAX)).split(/\r?\n/)
  } catch {
    // There is none, or it is not for this user: what is missing is named where it is needed.
    return []
  }
}
